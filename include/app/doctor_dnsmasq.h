/* app/doctor_dnsmasq.h: a dnsmasq that is asked, and which of its options make such answers. */
#pragma once

#include "app/doctor_finding.h"

/** It says so of itself (version.bind), or the doctor was told. */
bool doctor_dnsmasq_is_one(const struct doctor_view *view);
/** The options that a check fails by so, as dnsmasq and (as OpenWrt) call them; NULL for none. */
const char *doctor_dnsmasq_options(const struct doctor_check *check,
				   const struct doctor_finding *finding);
