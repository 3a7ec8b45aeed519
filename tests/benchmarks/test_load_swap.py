"""The keys of `load_swap`, and the ratios that they are."""

from __future__ import annotations

from benchmarks.load_swap import figures


def test_ratios_are_taken_within_a_round_and_the_median_of_them_counts() -> None:
    first = {"load_first": 1.0, "load_last": 1.1, "load_peft": 8.0, "load_ours": 1.0}
    slow = {way: 10 * seconds for way, seconds in first.items()}  # the machine was busy: no ratio changes
    odd = {**first, "load_last": 9.0, "load_peft": 90.0}
    once = {"swap": 0.001, "copy": 0.002, "alias_to_first_row": 0.0504}
    found = figures([first, slow, odd], once, left=1.00519)
    milliseconds = found.pop("milliseconds")
    assert found == {
        "load_last_over_first": 1.1,
        "load_peft_over_ours": 8.0,
        "swap_over_copy": 0.5,
        "alias_to_first_row_ms": 50.4,
        "memory_left_ratio": 1.0052,
    }
    assert milliseconds["load_last"] == 9000 and milliseconds["copy"] == 2
