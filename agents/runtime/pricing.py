"""What a call costs."""

from collections.abc import Sequence
from decimal import ROUND_HALF_UP, ROUND_UP, Decimal

from agents.runtime.values import ModelCall, Price, Usage

MILLION = Decimal(1_000_000)
MICRO = Decimal("0.000001")
#: Everything costs half by the Message Batches API (batch processing page, 2026-11-22).
BATCH_RATE = Decimal("0.5")


def price_for(prices: Sequence[Price], *, prompt_tokens: int) -> Price | None:
    """The price that holds for a prompt of this length; None when no price is known."""
    fitting = [p for p in prices if prompt_tokens > p.above_prompt_tokens]
    if not fitting:
        return min(prices, key=lambda p: p.above_prompt_tokens, default=None)
    return max(fitting, key=lambda p: p.above_prompt_tokens)


def most_cost_of(
    call: ModelCall, prices: Sequence[Price], *, more_tokens: int = 0
) -> Decimal:
    """US dollars that one call cannot exceed; zero without a price.

    No tokenizer makes more tokens of a text than it has bytes; each may be written into the cache,
    and the answer ends at `max_tokens`. `more_tokens` are read beside the prompt.
    """
    prompt = len(call.system.encode()) + len(call.user.encode()) + more_tokens
    price = price_for(prices, prompt_tokens=prompt)
    if price is None:
        return Decimal(0)
    reading = max(price.input_usd, price.cache_write_usd)
    total = (prompt * reading + call.max_tokens * price.output_usd) / MILLION
    return total.quantize(MICRO, rounding=ROUND_UP)


def cost_of(
    usage: Usage, price: Price | None, *, rate: Decimal = Decimal(1)
) -> Decimal:
    """US dollars to the micro-dollar; zero without a price, as for the demo model.

    `rate` is the part of the price that is paid.
    """
    if price is None:
        return Decimal(0)
    total = (
        usage.input_tokens * price.input_usd
        + usage.output_tokens * price.output_usd
        + usage.cache_read_tokens * price.cache_read_usd
        + usage.cache_write_tokens * price.cache_write_usd
    ) / MILLION
    return (total * rate).quantize(MICRO, rounding=ROUND_HALF_UP)
