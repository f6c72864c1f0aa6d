#include "exchange_internal.h"

void exchange_reserve_take(struct exchange_reserve reserves[EXCHANGE_RESERVES],
			   const struct exchange_ask *ask)
{
	for (unsigned i = 0; i < EXCHANGE_RESERVES && ask->reserves[i] != NULL; i++)
		reserves[i].pool = exchange_pool_ref(ask->reserves[i]);
}

void exchange_reserve_renew(struct exchange_reserve reserves[EXCHANGE_RESERVES])
{
	for (unsigned i = 0; i < EXCHANGE_RESERVES && reserves[i].pool != NULL; i++) {
		exchange_pool_renew(&reserves[i].pool);
		reserves[i].asked = 0;
	}
}

void exchange_reserve_drop(struct exchange_reserve reserves[EXCHANGE_RESERVES])
{
	for (unsigned i = 0; i < EXCHANGE_RESERVES; i++)
		pool_unref(reserves[i].pool);
}

static uint64_t now_us(const struct exchange *exchange)
{
	return loop_clock(exchange->upstream->loop)->now_us;
}

/* Half of the time there is, where that is short. */
uint64_t exchange_reserve_due_us(const struct exchange *exchange)
{
	const struct exchange_end *end = &exchange->end;
	const bool has_others = pool_size(end->pool) > 1 || end->reserves[0].pool != NULL;
	const uint64_t now = now_us(exchange);
	const uint64_t half_us =
		exchange->deadline_us > now ? (exchange->deadline_us - now) / 2 : 0;

	if (!exchange->is_picky || !has_others)
		return UINT64_MAX;
	return now + (half_us < EXCHANGE_PATIENCE_US ? half_us : EXCHANGE_PATIENCE_US);
}

void exchange_reserve_give_time(struct exchange *exchange, const struct exchange_reserve *reserve)
{
	const uint64_t timeout_us = (uint64_t)pool_timeout_ms(reserve->pool) * USEC_PER_MSEC;
	uint64_t end_us = now_us(exchange) + timeout_us;

	if (end_us > exchange->limit_us)
		end_us = exchange->limit_us;
	if (exchange->end_us < end_us)
		exchange->end_us = end_us;
}
