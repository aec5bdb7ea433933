"""The table of what channels made of each answer, in Chinese; run as a module it writes that of docs/zh/delivery.md."""

import re

from usage_pipeline_tests.support.pages import DOCS

_PART = re.compile(r"<!-- what was observed: begin -->\n(.*)\n<!-- what was observed: end -->", re.DOTALL)
# Of whole cells; what servers say stays as they say it.
_WORDS = (
    (r"^channel$", "渠道"),
    (r"^the other side$", "对方"),
    (r"^on record$", "记录为"),
    (r"^a day later, when it takes everything$", "一天后，对方全部接受时"),
    (r"^takes it$", "接受"),
    (r"^hangs$", "没有应答"),
    (r"^cuts the connection( after the text)?$", lambda found: "正文之后切断连接" if found[1] else "切断连接"),
    (r"^cuts its answer short$", "答复不完整"),
    (r"^(\d+), 5 MB of something$", r"\1，5 MB 的内容"),
    (r"^302 to another place$", "302 转到别处"),
    (r"^(\d+) after the text$", r"正文之后 \1"),
    (r"^(\d+) at connecting$", r"连接时 \1"),
    (r"^(\d+) for one of two addresses$", r"两个地址之一 \1"),
    (r"^551 try another place$", "551 请试别处"),
    (r"^200, a page of a proxy$", "200，代理的页面"),
    (r"^200, nothing$", "200，无内容"),
    (r"^200, no number spoken of$", "200，没有提到号码"),
    (r"^200, a number's code (\S+)$", r"200，某个号码的代码 \1"),
    (r"^(\d+) with(out)? a sid$", lambda found: f"{found[1]}，{'没有' if found[2] else '有'} sid"),
    (r"^200, code 7 where 0 means accepted$", "200，code 7，而 0 才表示接受"),
    (r"\(too often\)$", "（过于频繁）"),
    (r"\(bad key\)$", "（密钥有误）"),
    (r"\(bad token\)$", "（令牌有误）"),
    (r"\(bad parameter\)$", "（参数有误）"),
    (r"\(bad request: then as text\)$", "（请求有误：随后改发文本）"),
    (r"\(bad card: then as text\)$", "（卡片有误：随后改发文本）"),
    (r"\(bad parameter: then as text\)$", "（参数有误：随后改发文本）"),
    (r"^(400, invalid_payload): then as text$", r"\1：随后改发文本"),
    (r"\(busy\)$", "（繁忙）"),
    (r"\(old form\)$", "（旧格式）"),
    (r"\(sign, keyword or IP\)$", "（签名、关键词或 IP）"),
    (r"\(sign or clock\)$", "（签名或时钟）"),
    (r"\(keyword\)$", "（关键词）"),
    (r" （", "（"),
    (r"^accepted$", "已接受"),
    (r"^permanent$", "永久失败"),
    (r"^retry, not before (\d+) s$", r"重试，不早于 \1 秒"),
    (r"^retry$", "重试"),
    (r"^delivered at attempt (\d+)$", r"第 \1 次尝试送达"),
    (r"^failed at attempt (\d+)$", r"第 \1 次尝试失败"),
)  # fmt: skip


def wanted() -> str:
    """Returns the Chinese table, made of the English page's."""
    found = _PART.search((DOCS / "delivery.md").read_text(encoding="utf-8"))
    assert found
    return "\n".join("|".join(_said(cell) for cell in line.split("|")) for line in found[1].splitlines())


def shown() -> str:
    """Returns the table of the Chinese page."""
    found = _PART.search((DOCS / "zh" / "delivery.md").read_text(encoding="utf-8"))
    assert found
    return found[1]


def _said(cell: str) -> str:
    text = cell.strip()
    for pattern, words in _WORDS:
        text = re.sub(pattern, words, text)
    return f" {text} " if text else cell


if __name__ == "__main__":
    page = DOCS / "zh" / "delivery.md"
    text = page.read_text(encoding="utf-8")
    found = _PART.search(text)
    assert found
    page.write_text(text[: found.start(1)] + wanted() + text[found.end(1) :], encoding="utf-8")
