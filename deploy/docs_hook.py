"""MkDocs: what the pages say of files beside `docs/` leads to them where they are published.

Without `repo_url` in mkdocs.yml there is no such place: then the name alone remains.
"""

from __future__ import annotations

import re
from typing import Any

OUTSIDE = re.compile(r"\[([^\]]*)\]\(\.\./([^)]+)\)")


def on_page_markdown(markdown: str, *, config: Any, **others: Any) -> str:
    """The text of a page, with links that lead out of `docs/` rewritten."""
    base = (config.get("repo_url") or "").rstrip("/")

    def rewritten(link: re.Match[str]) -> str:
        return f"[{link[1]}]({base}/blob/main/{link[2]})" if base else link[1]

    return OUTSIDE.sub(rewritten, markdown)
