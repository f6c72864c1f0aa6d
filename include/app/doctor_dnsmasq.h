/* app/doctor_dnsmasq.h: a dnsmasq that is asked, and which of its options make such answers. */
#pragma once

#include "app/doctor_finding.h"

/** The options that a check fails by so, as dnsmasq and (as OpenWrt) call them. NULL for none, and
 * where the server is no dnsmasq: neither says so of itself (version.bind), nor was the doctor
 * told. */
const char *doctor_dnsmasq_options(const struct doctor_finding *finding);
