"""docs/zh/performance.md: the English page in Chinese, sentence by sentence and cell by cell."""

import re

_HOW = """## 如何测量
`make bench`（全部，25 分钟和 15 GB 以内；`SIZE=small` 先试一遍，
`ONLY=ticks,report` 只做其中几项）自行建立内置的 PostgreSQL、模拟的 Dify 数据库和数据仓库，结束后删除。
每个数字的参照都在同一次运行、同一台服务器上测得，在我们之前和之后各测一次，因此机器慢不会看起来像程序慢；
多次测量的取中位数。我们的数字始终是全过程：从 Dify 读取的行，经计数、归属到 Key、定价、汇总，并按预算评估。

- **COPY 管道与按键合并**：同样各行的十六列，经 COPY 从 Dify 的数据库写入一张表，
  再以 `INSERT … ON CONFLICT` 写入带键的表。凡是可以重复运行的加载程序，都不会比这做得更少。
- **dlt** 在它自己的环境中，用它在此最快的后端（pyarrow，经 ADBC 的 parquet），按键合并同样的十六列；
  它既不计数也不定价。
- **直接 GROUP BY**：六张日表的分组与合计直接由事件得出，不保存。
- 没有参照的上限以它自己的单位给出，针对 2 核的机器。
"""
# Of whole lines and cells, in this order; what is left in English shows in a test.
_WORDS = (
    (r"^# Performance$", "# 性能"),
    (r"^\[中文\]\(zh/performance\.md\)$", "[English](../performance.md)"),
    (
        r"^Measured (\S+) by `make bench`, size (\w+), on (.+), load (.+) meanwhile\.$",
        r"\1 以 `make bench`（规模 \2）在 \3 上测得，期间负载 \4。",
    ),
    (r"\b(\d+) cores", r"\1 核"),
    (r"负载 (\S+) to (\S+)。$", r"负载 \1 至 \2。"),
    (
        r"^\*\*A small run shows that all of it works; limits are of a full run on a quiet machine\.\*\*$",
        "**小规模的运行只表明一切可用；上限针对安静机器上的完整运行。**",
    ),
    (r"^!\[Each figure as a part of its limit\]\(images/", "![各个数字占其上限的比例](../images/"),
    (r"^## First reading, and the daily tables$", "## 首次读取与日表"),
    (r"^## Passes, ticks and commands$", "## 各轮处理与命令"),
    (r"^## Past days made again on a cluster's workers$", "## 集群上重做过去的日子"),
    (r"^## `up`: idle cost and latency$", "## `up`：空闲开销与延迟"),
    (
        r"^## The report of ([\d,]+) projects that each called (\d+) models$",
        r"## \1 个项目各调用 \2 个模型的报告",
    ),
    (r"^## Dagster's storage$", "## Dagster 的存储"),
    (r"^## The benchmark itself$", "## 测量本身"),
    (r"^## Not measured$", "## 未测得"),
    (r"^\| what \| measured \| held against \| ratio \| limit \| \|$", "| 内容 | 实测 | 参照 | 比率 | 上限 | |"),
    (r"^First reading of ([\d,]+) (.+), counted and evaluated$", r"首次读取 \1 \2，计数并评估"),
    (r"^First reading of ([\d,]+) (.+)$", r"首次读取 \1 \2"),
    (r"^The process that read ([\d,]+) (.+)$", r"进程，读取 \1 \2"),
    (r"^A pass right after it, of ([\d,]+) (.+)$", r"紧接其后的一轮处理，\1 \2"),
    (r"([\d,]+) messages\b", r"\1 条消息"),
    (r"([\d,]+) workflow nodes\b", r"\1 个工作流节点"),
    (r"^All daily tables of ([\d,]+) days made again$", r"重做 \1 天的全部日表"),
    (r"^Those of a day of ([\d,]+) events$", r"其中有 \1 个事件的一天"),
    (
        r"^First evaluation and forecast of ([\d,]+) budget values upon ([\d,]+) events$",
        r"\2 个事件上首次评估并预测 \1 个预算值",
    ),
    (
        r"^A pass without news upon ([\d,]+) events, ([\d,]+) rows in the look-back$",
        r"\1 个事件上没有新数据的一轮处理，回看范围内 \2 行",
    ),
    (
        r"^A tick of ([\d,]+) new and ([\d,]+) changed rows upon ([\d,]+) events$",
        r"\3 个事件上新增 \1 行、改动 \2 行的一轮处理",
    ),
    (r"^The process of these passes upon ([\d,]+) events$", r"\1 个事件上这几轮处理的进程"),
    (r"^A tick upon ([\d,]+) events$", r"\1 个事件上的一轮处理"),
    (r"^usage-pipeline run without news$", "没有新数据的 usage-pipeline run"),
    (r"^(usage-pipeline \S.*)$", r"命令 \1"),
    (r"^dagster --help, to compare$", "作为比较：dagster --help"),
    (
        r"^([\d,]+) past days of ([\d,]+) events made again by two Celery workers$",
        r"两个 Celery 工作进程重做 \2 个事件的 \1 天",
    ),
    (r"^by one: ", "一个工作进程："),
    (r"^`up` without news for (\d+) s$", r"`up` 在 \1 秒内没有新数据"),
    (r"^Its PostgreSQL meanwhile$", "期间它的 PostgreSQL"),
    (
        r"^From a call's commit in Dify to the channel's acceptance, (\d+) alerts: ",
        r"从调用在 Dify 提交到渠道接受，\1 条告警：",
    ),
    (r"^By the fast setting, (\d+) alerts: ", r"按快速设置，\1 条告警："),
    (r"：median$", "：中位数"),
    (r"：95 of 100 within$", "：百分之九十五在此之内"),
    (r"^Report of ([\d,]+) rows: ", r"\1 行的报告："),
    (r"：its document$", "：文档"),
    (r"：as (\w+), (.+)$", r"：\1，\2"),
    (r"：all of it$", "：全部"),
    (r"：memory$", "：内存"),
    (r"：its page opens$", "：打开网页"),
    (r"：its page$", "：网页"),
    (r"：its slowest filter \((\w+)\), laid out$", r"：最慢的筛选（\1），含排版"),
    (r"^Dagster's storage with ([\d,]+) passes a day ", r"每天 \1 轮处理时 Dagster 的存储"),
    (r"存储grows a day, from day (\d+) on$", r"存储从第 \1 天起每天的增长"),
    (r"存储grows a day$", "存储每天的增长"),
    (r"存储after (\d+) days$", r"存储 \1 天之后"),
    (r"^All of it took$", "全部用时"),
    (r"^Disk at most$", "磁盘最多"),
    (r"^COPY pipe and keyed merge: ", "COPY 管道与按键合并："),
    (r"^the plain GROUP BYs: ", "直接 GROUP BY："),
    (r"^a plain scan of the events: ", "直接扫描事件："),
    (r"^the same upon ([\d,]+) events: ", r"\1 个事件上同样的一轮："),
    (r"^(dlt \S+ \(\w+\)): ", r"\1："),
    (r"^at most (.+)$", r"至多 \1"),
    (r"^at least (.+)$", r"至少 \1"),
    (r" times$", " 倍"),
    (r"^(至多 )?(\S+) s of the processor$", r"\1处理器 \2 秒"),
    (r" rows/s$", " 行/秒"),
    (r"^(至多 )?(\S+) % of a core$", r"\1一个核的 \2 %"),
    (r" minutes$", " 分钟"),
    (r" ms$", " 毫秒"),
    (r" s$", " 秒"),
    (r"^holds$", "符合"),
    (r"^\*\*missed\*\*$", "**未达到**"),
)  # fmt: skip


def in_chinese(page: str) -> str:
    """Returns the page of figures in Chinese."""
    figures, mark, _ = page.partition("## How it is measured\n")
    assert mark, "the page ends with how it is measured"
    return said_in_chinese(figures) + _HOW


def said_in_chinese(figures: str) -> str:
    """Returns lines of figures in Chinese."""
    return "\n".join(_line(line) for line in figures.split("\n"))


def _line(line: str) -> str:
    if not line.startswith("| ") or line.startswith(("| ---", "| what ")):
        return _said(line)
    # The last cell may be empty: it keeps its one blank.
    cells = [_said(cell[1:-1]) if len(cell) > 1 else cell for cell in line.split("|")[1:-1]]
    return "|" + "|".join(f" {cell} " if cell.strip() else (cell or " ") for cell in cells) + "|"


def _said(text: str) -> str:
    for pattern, words in _WORDS:
        text = re.sub(pattern, words, text)
    return text
