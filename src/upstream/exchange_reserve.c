#include "exchange_internal.h"

void exchange_reserve_take(struct exchange_reserve reserves[EXCHANGE_RESERVES],
			   const struct exchange_ask *ask, const struct attempt_question *question)
{
	for (unsigned i = 0; i < EXCHANGE_RESERVES && ask->reserves[i] != NULL; i++) {
		reserves[i].pool = pool_ref(pool_latest(ask->reserves[i]));
		reserves[i].question = *question;
		reserves[i].question.randomize_case = pool_randomizes_case(ask->reserves[i]);
	}
}

void exchange_reserve_renew(struct exchange_reserve reserves[EXCHANGE_RESERVES])
{
	for (unsigned i = 0; i < EXCHANGE_RESERVES && reserves[i].pool != NULL; i++) {
		struct pool *latest = pool_ref(pool_latest(reserves[i].pool));

		pool_unref(reserves[i].pool);
		reserves[i].pool = latest;
		reserves[i].asked = 0;
	}
}

void exchange_reserve_drop(struct exchange_reserve reserves[EXCHANGE_RESERVES])
{
	for (unsigned i = 0; i < EXCHANGE_RESERVES; i++)
		pool_unref(reserves[i].pool);
}
