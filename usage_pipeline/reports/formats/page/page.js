"use strict";
// Draws the charts and answers the filters. Names reach the page only as textContent; amounts are exact: whole numbers
// of 10^-scale, summed in two halves below 2^53 and joined as BigInt.
(async () => {
  const SHOWN = 12, HALF = 1000000000n, SVG = "http://www.w3.org/2000/svg";
  const settings = JSON.parse(document.getElementById("settings").textContent);
  const say = settings.text;
  const bytes = Uint8Array.from(atob(document.getElementById("rows").textContent), (c) => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  const data = JSON.parse(await new Response(stream).text());
  const dimensions = Object.keys(settings.dimensions);
  const counts = ["calls", "failed_calls", "input_tokens", "output_tokens", "total_tokens", "unpriced_tokens"];
  const columns = {};
  for (const name of dimensions) columns[name] = Int32Array.from(data.columns[name]);
  for (const name of [...counts, "cost_high", "cost_low"]) columns[name] = Float64Array.from(data.columns[name]);
  const length = columns.calls.length;
  const every = Int32Array.from({ length }, (_, row) => row);
  const unit = 10 ** data.scale;
  const opened = new Set();

  const whole = new Intl.NumberFormat(settings.language);
  // Made once: making one takes longer than formatting a whole table.
  const formats = Object.fromEntries([2, 4].map((places) => [places, new Intl.NumberFormat(settings.language,
    { minimumFractionDigits: places, maximumFractionDigits: places })]));
  // One precision a column: two decimals, or four where all of it is below one.
  const placesOf = (values) => values.some((value) => Math.abs(value) >= 1) || values.every((value) => !value) ? 2 : 4;
  const money = (value, places = placesOf([value || 0])) => value === null ? "–" : formats[places].format(value);
  const pricedFinely = new Intl.NumberFormat(settings.language,
    { style: "currency", currency: settings.currency, minimumFractionDigits: 4, maximumFractionDigits: 4 });
  const priced = new Intl.NumberFormat(settings.language, { style: "currency", currency: settings.currency });
  const count = (value, long) => long ? `${tenth.format(value / 10000)} ${say.ten_thousand}` : whole.format(value);
  const tenth = new Intl.NumberFormat(settings.language, { maximumFractionDigits: 1 });
  // Chinese readers count in 万 from 100,000 on.
  const isLong = (value) => settings.language === "zh-CN" && Math.abs(value) >= 100000;
  const joined = (high, low) => BigInt(high) * HALF + BigInt(low);
  function exact(value) {
    const digits = value.toString().padStart(data.scale + 1, "0");
    const cut = digits.length - data.scale;
    return data.scale ? (digits.slice(0, cut) + "." + digits.slice(cut)).replace(/\.?0+$/, "") : digits;
  }

  function element(name, text, className) {
    const made = document.createElement(name);
    if (text !== undefined) made.textContent = text;
    if (className) made.className = className;
    return made;
  }
  function drawn(name, attributes) {
    const made = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    return made;
  }

  // The rows that pass the filters, as places in the columns.
  function passing(chosen) {
    let rows = every;
    for (const name of dimensions) {
      const column = columns[name], value = chosen[name];
      if (value !== -1) rows = rows.filter((row) => column[row] === value);
    }
    return rows;
  }

  // Their sums in all, and by each name of each dimension; column by column, which browsers do fastest.
  function sums(rows) {
    const total = {}, by = {};
    for (const name of [...counts, "cost_high", "cost_low"]) {
      const column = columns[name];
      let sum = 0;
      for (let at = 0; at < rows.length; at++) sum += column[rows[at]];
      total[name] = sum;
    }
    for (const dimension of dimensions) {
      const size = data.names[dimension].length, places = columns[dimension];
      const into = by[dimension] = { rows: new Uint8Array(size) };
      for (let at = 0; at < rows.length; at++) into.rows[places[rows[at]]] = 1;
      for (const name of ["calls", "total_tokens", "unpriced_tokens", "cost_high", "cost_low"]) {
        const column = columns[name], found = into[name] = new Float64Array(size);
        for (let at = 0; at < rows.length; at++) found[places[rows[at]]] += column[rows[at]];
      }
    }
    return { total, by };
  }

  function chart(dimension, of) {
    const section = element("section", undefined, "chart-" + dimension);
    const heading = element("h2", settings.dimensions[dimension]);
    heading.id = "h-by-" + dimension;
    section.setAttribute("aria-labelledby", heading.id);
    section.append(heading);
    const rows = [];
    of.rows.forEach((seen, at) => { if (seen) rows.push(at); });
    const cost = (at) => of.cost_high[at] * Number(HALF) + of.cost_low[at];
    rows.sort((a, b) => cost(b) - cost(a) || of.total_tokens[b] - of.total_tokens[a]);
    if (!rows.length) { section.append(element("p", say.nothing)); return section; }
    const shown = opened.has(dimension) ? rows.length : Math.min(SHOWN, rows.length);
    const table = element("table", undefined, "bars");
    const head = element("tr");
    for (const [text, className] of [[settings.dimensions[dimension], ""], [say.share, ""], [say.base_cost, "n"],
      [say.total_tokens, "n"], [say.calls, "n wide"], [say.cost_per_call, "n wide"],
      [say.cost_per_1000_tokens, "n wide"]]) {
      const cell = element("th", text, className);
      cell.scope = "col";
      head.append(cell);
    }
    table.createTHead().append(head);
    const body = table.createTBody();
    const most = Math.max(cost(rows[0]), 1);
    const listed = rows.slice(0, shown);
    const per = (at, times, number) => number[at] ? cost(at) / unit * times / number[at] : null;
    const column = { cost: placesOf(listed.map((at) => cost(at) / unit)), long: isLong(Math.max(...listed.map((at) => of.total_tokens[at]))),
      call: placesOf(listed.map((at) => per(at, 1, of.calls) || 0)), thousand: placesOf(listed.map((at) => per(at, 1000, of.total_tokens) || 0)) };
    for (const at of listed) body.append(line(data.names[dimension][at], cost(at), of, at, most, column));
    const left = rows.slice(shown);
    if (left.length) table.createTFoot().append(rest(left, of, column));
    const scroll = element("div", undefined, "scroll");
    scroll.tabIndex = 0;
    scroll.setAttribute("role", "group");
    scroll.setAttribute("aria-labelledby", heading.id);
    scroll.append(table);
    section.append(scroll);
    if (shown < rows.length) {
      const more = element("button", `${say.more} (${say.others.replace("{n}", rows.length - shown)})`, "more");
      more.type = "button";
      more.addEventListener("click", () => { opened.add(dimension); show(); });
      section.append(more);
    }
    return section;
  }

  function line(name, cost, of, at, most, column) {
    const row = element("tr");
    const title = element("th", name);
    title.scope = "row";
    title.title = name;
    const bar = drawn("svg", { viewBox: "0 0 100 8", preserveAspectRatio: "none", "aria-hidden": "true" });
    bar.append(drawn("rect", { class: "track", width: 100, height: 8 }),
      drawn("rect", { class: "bar", width: Math.max(cost / most * 100, 0).toFixed(2), height: 8 }));
    const chartCell = element("td", undefined, "chart");
    chartCell.append(bar);
    // What has no price cost something: a dash, not nothing.
    const unpriced = !cost && of.total_tokens[at] && of.unpriced_tokens[at] === of.total_tokens[at];
    const amount = element("td", unpriced ? "–" : money(cost / unit, column.cost), "n cost");
    amount.dataset.exact = exact(joined(of.cost_high[at], of.cost_low[at]));
    amount.title = unpriced ? say.unpriced : amount.dataset.exact;
    const tokens = element("td", count(of.total_tokens[at], column.long), "n");
    tokens.title = whole.format(of.total_tokens[at]);
    row.append(title, chartCell, amount, tokens, element("td", whole.format(of.calls[at]), "n wide"),
      element("td", money(of.calls[at] ? cost / unit / of.calls[at] : null, column.call), "n wide"),
      element("td", money(of.total_tokens[at] ? cost / unit * 1000 / of.total_tokens[at] : null, column.thousand), "n wide"));
    return row;
  }

  // What a table leaves out, so that it adds up on a screen and on paper.
  function rest(places, of, column) {
    const sum = (name) => places.reduce((so, at) => so + of[name][at], 0);
    const exactly = joined(sum("cost_high"), sum("cost_low")), tokens = sum("total_tokens"), calls = sum("calls");
    const cost = Number(exactly) / unit, row = element("tr", undefined, "others");
    const title = element("th", say.others.replace("{n}", whole.format(places.length)));
    title.scope = "row";
    const amount = element("td", money(cost, column.cost), "n cost");
    amount.title = amount.dataset.exact = exact(exactly);
    const shownTokens = element("td", count(tokens, column.long), "n");
    shownTokens.title = whole.format(tokens);
    row.append(title, element("td"), amount, shownTokens, element("td", whole.format(calls), "n wide"),
      element("td", money(calls ? cost / calls : null, column.call), "n wide"),
      element("td", money(tokens ? cost * 1000 / tokens : null, column.thousand), "n wide"));
    return row;
  }

  function put(id, text, title) {
    const place = document.getElementById("total-" + id);
    place.textContent = text;
    place.title = title;
  }

  function show() {
    const chosen = {};
    for (const name of dimensions) {
      const value = document.getElementById("filter-" + name).value;
      chosen[name] = value === "" ? -1 : Number(value);
    }
    const { total, by } = sums(passing(chosen));
    const cost = joined(total.cost_high, total.cost_low), approximate = Number(cost) / unit;
    put("cost", priced.format(approximate), exact(cost));
    document.getElementById("total-cost").dataset.exact = exact(cost);
    for (const name of ["total_tokens", "calls", "failed_calls", "unpriced_tokens"])
      put(name, count(total[name], isLong(total[name])), whole.format(total[name]));
    const rate = (id, number, times) => {
      const value = number ? approximate * times / number : null;
      put(id, value === null ? "–" : pricedFinely.format(value), value === null ? "" : value.toFixed(6));
    };
    rate("per-call", total.calls, 1);
    rate("per-thousand", total.total_tokens, 1000);
    // What is compared and drawn small is of everything.
    const filtered = dimensions.some((name) => chosen[name] !== -1);
    document.documentElement.classList.toggle("filtered", filtered);
    document.getElementById("shown").textContent = `${priced.format(approximate)} · ${count(total.total_tokens, isLong(total.total_tokens))} ${say.total_tokens}`;
    document.getElementById("charts").replaceChildren(
      ...dimensions.map((dimension) => chart(dimension, by[dimension])));
  }

  function trend() {
    const by = document.getElementById("history-by").value, series = settings.history[by];
    const days = settings.trend.map(([day, cost]) => [day, Number(cost)]);
    // Drawn in the screen's own pixels, so that its words are as large as the page's.
    const place = document.getElementById("trend");
    const width = Math.max(place.clientWidth, 280), height = 200, left = 64, bottom = 26, most = Math.max(...days.map((d) => d[1]), 1e-9);
    const svg = drawn("svg", { viewBox: `0 0 ${width} ${height}`, role: "img" });
    svg.setAttribute("aria-label", document.getElementById("h-trend").textContent);
    const step = (width - left) / Math.max(days.length, 1), room = height - bottom - 14;
    svg.append(drawn("line", { class: "axis", x1: left, x2: width, y1: height - bottom, y2: height - bottom }),
      drawn("line", { class: "axis", x1: left, x2: width, y1: 14, y2: 14 }));
    const label = (x, y, text, anchor) => {
      const made = drawn("text", { x, y, "text-anchor": anchor });
      made.textContent = text;
      svg.append(made);
    };
    label(left - 6, 20, priced.format(most), "end");
    label(left - 6, height - bottom, "0", "end");
    days.forEach(([day, cost], at) => {
      const inside = day >= settings.days[0] && day <= settings.days[1];
      let foot = height - bottom;
      series.forEach(([name, costs], number) => {
        const size = costs[at] / most * room;
        if (size <= 0) return;
        foot -= size;
        const mark = drawn("rect", { class: `mark s${number}${inside ? " is" : ""}`, x: (left + at * step + .5).toFixed(1),
          y: foot.toFixed(1), width: Math.max(step - 1, 1).toFixed(1), height: size.toFixed(1) });
        const title = drawn("title", {});
        title.textContent = `${day} · ${name}: ${priced.format(costs[at])} / ${priced.format(cost)}`;
        mark.append(title);
        svg.append(mark);
      });
    });
    if (days.length) {
      label(left, height - 6, days[0][0], "start");
      label(width, height - 6, days[days.length - 1][0], "end");
    }
    place.replaceChildren(svg);
    document.getElementById("legend").replaceChildren(...series.map(([name], number) => {
      const item = element("li"), patch = drawn("svg", { viewBox: "0 0 10 10", "aria-hidden": "true" });
      patch.append(drawn("rect", { class: `s${number}`, width: 10, height: 10 }));
      item.append(patch, name);
      return item;
    }));
  }

  for (const name of dimensions) {
    const list = document.getElementById("filter-" + name);
    data.names[name].map((text, at) => [text, at]).sort((a, b) => a[0].localeCompare(b[0], settings.language))
      .forEach(([text, at]) => { const option = element("option", text); option.value = at; list.append(option); });
    list.addEventListener("change", show);
  }
  document.getElementById("reset").addEventListener("click", () => {
    for (const name of dimensions) document.getElementById("filter-" + name).value = "";
    show();
  });
  document.getElementById("filters").addEventListener("submit", (event) => event.preventDefault());
  document.getElementById("history-by").addEventListener("change", trend);
  let drawnAt = 0;
  new ResizeObserver(([entry]) => {
    if (Math.abs(entry.contentRect.width - drawnAt) > 1) { drawnAt = entry.contentRect.width; trend(); }
  }).observe(document.getElementById("trend"));
  show();
  trend();
  document.documentElement.dataset.ready = "yes";
})();
