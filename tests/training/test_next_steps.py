"""What is to be typed after a release."""

from __future__ import annotations

from training.next_steps import next_steps


def test_every_post_by_curl_has_a_body_as_it_sends_no_length_without_one() -> None:
    posts = [line for line in next_steps("thyroid", "1.0.0").splitlines() if "-X POST" in line]
    assert len(posts) == 3
    assert all(" -d '" in line for line in posts)
