#include "records.h"

#define COURIERS "eu-north-courier-4.push-apple.com.akadns.net"
#define ALIAS_TARGET "courier-push-apple.com.akadns.net"
#define BAG "init.push-apple.com.akadns.net"
#define TIMES "time.g.aaplimg.com"
#define GSLB "a.gslb.aaplimg.com hostmaster.apple.com 1677010182 1800 300 60480 300"

const struct record records[] = {
	/* zones */
	{ "", 86400, RECORD_NS, "a.root-servers.net" },
	{ "", 86400, RECORD_SOA,
	  "a.root-servers.net nstld.verisign-grs.com 2023031200 1800 900 604800 86400" },
	{ "apple.com", 3600, RECORD_NS, "a.ns.apple.com" },
	{ "apple.com", 3600, RECORD_NS, "b.ns.apple.com" },
	{ "apple.com", 300, RECORD_SOA,
	  "a.ns.apple.com hostmaster.apple.com 1 1800 900 2016000 300" },
	{ "akadns.net", 180, RECORD_SOA,
	  "internal.akadns.net hostmaster.akamai.com 1629813934 90000 90000 90000 180" },
	{ "g.aaplimg.com", 300, RECORD_SOA, GSLB },
	{ "v.aaplimg.com", 300, RECORD_SOA, GSLB },
	{ "wpc.phicdn.net", 600, RECORD_SOA,
	  "ns1.phicdn.net noc.edgecast.com 1678308207 3600 600 604800 600" },
	{ "dscgi3.akamai.net", 1000, RECORD_SOA,
	  "n0dscgi3.akamai.net hostmaster.akamai.com 1678692103 1000 1000 1000 1800" },

	/* couriers: the alias that leads nowhere, what it leads to (which is there, without
	 * records: the numbered ones are below it), and the numbered names */
	{ "courier.push.apple.com", 300, RECORD_CNAME, ALIAS_TARGET },
	{ "{n}-courier.push.apple.com", 28800, RECORD_CNAME, "{n}." ALIAS_TARGET },
	{ "{n}." ALIAS_TARGET, 60, RECORD_CNAME, COURIERS },
	{ COURIERS, 60, RECORD_A, "17.57.146.132" },
	{ COURIERS, 60, RECORD_A, "17.57.146.133" },
	{ COURIERS, 60, RECORD_A, "17.57.146.136" },
	{ COURIERS, 60, RECORD_A, "17.57.146.140" },
	{ COURIERS, 60, RECORD_A, "17.57.146.141" },
	{ COURIERS, 60, RECORD_A, "17.57.146.142" },
	{ "push.apple.com", 300, RECORD_TXT, "count=50" },
	{ "init.push.apple.com", 300, RECORD_CNAME, BAG },
	{ BAG, 61, RECORD_A, "17.188.168.161" },
	{ BAG, 61, RECORD_A, "17.188.170.72" },
	{ BAG, 61, RECORD_A, "17.188.171.74" },
	{ BAG, 61, RECORD_A, "17.188.172.10" },

	{ RECORD_SINKHOLE, 60, RECORD_A, "0.0.0.0" },

	/* joining a network */
	{ "captive.apple.com", 3600, RECORD_CNAME, "captive-cidr.origin-apple.com.akadns.net" },
	{ "captive-cidr.origin-apple.com.akadns.net", 300, RECORD_CNAME, "captive.g.aaplimg.com" },
	{ "captive.g.aaplimg.com", 60, RECORD_A, "17.253.39.201" },
	{ "captive.g.aaplimg.com", 60, RECORD_A, "17.253.39.202" },
	{ "time.apple.com", 2745, RECORD_CNAME, TIMES },
	{ TIMES, 263, RECORD_A, "17.253.38.125" },
	{ TIMES, 263, RECORD_A, "17.253.52.253" },
	{ TIMES, 263, RECORD_A, "17.253.38.253" },

	/* activation */
	{ "albert.apple.com", 300, RECORD_CNAME, "albert.gcsis-apple.com.akadns.net" },
	{ "albert.gcsis-apple.com.akadns.net", 60, RECORD_A, "17.171.47.13" },
	{ "humb.apple.com", 300, RECORD_CNAME, "humb.gcsis-apple.com.akadns.net" },
	{ "humb.gcsis-apple.com.akadns.net", 60, RECORD_A, "17.171.47.14" },
	{ "gs.apple.com", 300, RECORD_CNAME, "gs.apple.com.akadns.net" },
	{ "gs.apple.com.akadns.net", 60, RECORD_A, "17.171.47.15" },
	{ "static.ips.apple.com", 300, RECORD_CNAME, "static.v.aaplimg.com" },
	{ "static.v.aaplimg.com", 30, RECORD_A, "17.253.39.205" },
	{ "tbsc.apple.com", 300, RECORD_CNAME, "tbsc.v.aaplimg.com" },
	{ "tbsc.v.aaplimg.com", 30, RECORD_A, "17.253.39.209" },

	/* enrolment */
	{ "iprofiles.apple.com", 900, RECORD_CNAME, "iprofiles.origin-apple.com.akadns.net" },
	{ "iprofiles.origin-apple.com.akadns.net", 158, RECORD_A, "17.32.194.20" },
	{ "mdmenrollment.apple.com", 900, RECORD_CNAME,
	  "mdmenrollment.origin-apple.com.akadns.net" },
	{ "mdmenrollment.origin-apple.com.akadns.net", 158, RECORD_A, "17.32.194.21" },
	{ "deviceenrollment.apple.com", 900, RECORD_CNAME,
	  "deviceenrollment.origin-apple.com.akadns.net" },
	{ "deviceenrollment.origin-apple.com.akadns.net", 158, RECORD_A, "17.32.194.22" },
	{ "gdmf.apple.com", 300, RECORD_CNAME, "gdmf.v.aaplimg.com" },
	{ "gdmf.v.aaplimg.com", 30, RECORD_A, "17.179.252.2" },

	/* Private Relay */
	{ "mask.icloud.com", 300, RECORD_CNAME, "mask.apple-dns.net" },
	{ "mask-h2.icloud.com", 300, RECORD_CNAME, "mask.apple-dns.net" },
	{ "mask.apple-dns.net", 60, RECORD_A, "172.224.181.14" },

	/* certificates */
	{ "certs.apple.com", 900, RECORD_CNAME, "certs-lb.apple.com.akadns.net" },
	{ "certs-lb.apple.com.akadns.net", 60, RECORD_CNAME, "certs.g.aaplimg.com" },
	{ "certs.g.aaplimg.com", 71, RECORD_A, "17.253.39.206" },
	{ "crl.apple.com", 900, RECORD_CNAME, "crl-lb.apple.com.akadns.net" },
	{ "crl-lb.apple.com.akadns.net", 60, RECORD_CNAME, "crl.g.aaplimg.com" },
	{ "crl.g.aaplimg.com", 71, RECORD_A, "17.253.39.207" },
	{ "ocsp.apple.com", 12360, RECORD_CNAME, "ocsp-lb.apple.com.akadns.net" },
	{ "ocsp-lb.apple.com.akadns.net", 49, RECORD_CNAME, "ocsp.g.aaplimg.com" },
	{ "ocsp.g.aaplimg.com", 71, RECORD_A, "17.253.39.203" },
	{ "ocsp2.apple.com", 12360, RECORD_CNAME, "ocsp2-lb.apple.com.akadns.net" },
	{ "ocsp2-lb.apple.com.akadns.net", 49, RECORD_CNAME, "ocsp2.g.aaplimg.com" },
	{ "ocsp2.g.aaplimg.com", 71, RECORD_A, "17.253.39.203" },
	{ "ocsp2.g.aaplimg.com", 71, RECORD_A, "17.253.39.204" },
	{ "valid.apple.com", 900, RECORD_CNAME, "valid.v.aaplimg.com" },
	{ "valid.v.aaplimg.com", 30, RECORD_A, "17.253.39.208" },
	{ "ocsp.digicert.com", 56, RECORD_CNAME, "ocsp.edge.digicert.com" },
	{ "ocsp.edge.digicert.com", 56, RECORD_CNAME, "fp2E7A.wpc.2BE4.phicdn.net" },
	{ "fp2e7a.wpc.2be4.phicdn.net", 868, RECORD_CNAME, "fp2e7a.wpc.phicdn.net" },
	{ "fp2e7a.wpc.phicdn.net", 881, RECORD_A, "192.229.221.95" },
	{ "crl3.digicert.com", 56, RECORD_CNAME, "crl.edge.digicert.com" },
	{ "crl.edge.digicert.com", 56, RECORD_CNAME, "fp2E7A.wpc.2BE4.phicdn.net" },
};

const size_t record_count = sizeof(records) / sizeof(records[0]);
