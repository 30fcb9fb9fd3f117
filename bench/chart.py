# SPDX-License-Identifier: LGPL-2.1-or-later
"""Bars in SVG: what a command costs by each tool, on a logarithmic scale, since
they lie between half a millisecond and a fifth of a second."""

import math
from xml.sax.saxutils import escape

WIDTH, LEFT, RIGHT, BAR, GAP, TITLE = 760, 190, 90, 18, 8, 34
OURS, THEIRS, HOST = "#2e7d32", "#78909c", "#b0bec5"


def colour(name):
    return OURS if name.startswith("lxctl") else HOST if name == "host" else THEIRS


def group(title, values, top):
    """values: [(name, milliseconds)]; returns (lines, height)."""
    values = sorted(values, key=lambda item: item[1])
    low = min(v for _, v in values) / 1.6
    high = max(v for _, v in values) * 1.1
    span = math.log(high / low)
    lines = [f'<text x="0" y="{top + 16}" class="title">{escape(title)}</text>']
    y = top + TITLE
    for name, value in values:
        length = (WIDTH - LEFT - RIGHT) * math.log(value / low) / span
        lines.append(f'<text x="{LEFT - 8}" y="{y + 13}" class="name">{escape(name)}</text>')
        lines.append(f'<rect x="{LEFT}" y="{y}" width="{length:.1f}" height="{BAR}" fill="{colour(name)}"/>')
        lines.append(f'<text x="{LEFT + length + 6:.1f}" y="{y + 13}" class="value">{value:.1f} ms</text>')
        y += BAR + GAP
    return lines, y - top + GAP


def draw(groups):
    """groups: [(title, [(name, milliseconds)])] -> the file's text."""
    lines, top = [], 8
    for title, values in groups:
        if values:
            drawn, height = group(title, values, top)
            lines += drawn
            top += height + 10
    style = (
        "text { font: 13px sans-serif; fill: #263238 } .title { font-weight: bold } "
        ".name { text-anchor: end } .value { fill: #455a64 }"
    )
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{top}" viewBox="0 0 {WIDTH} {top}">',
            f"<style>{style}</style>",
            f'<rect width="{WIDTH}" height="{top}" fill="white"/>',
            *lines,
            "</svg>\n",
        ]
    )
