/* assert() of the release: it looks all the same, and ends the program where it must not go on, but
 * carries no words for that. A core says where it was. */
#undef assert
#define assert(claim) ((claim) ? (void)0 : __builtin_trap())
#undef static_assert
#define static_assert _Static_assert
