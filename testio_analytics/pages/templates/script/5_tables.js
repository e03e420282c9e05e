// One table with its controls. Filter and order work on the data of all rows; of many only the first stand in the page.
const FILTER_FROM = 8;
const CHOOSE_FROM = 5;
const ALL_UP_TO = 100;
const FIRST = 50;
const AT_ONCE = 500;

// The line below a table that does not show all that it has: how many it shows, and buttons for the others.
const restOf = (block, show) => {
  const said = made("span");
  const more = made("button", { type: "button" });
  const all = made("button", { type: "button" });
  const line = made("p", { className: "rest", hidden: true }, said, " ", more, " ", all);
  let total = 0;
  let shown = 0;
  let run = 0;
  const grow = (to) => {
    run += 1;
    const own = run;
    const step = () => {
      if (own !== run || shown >= to) return;
      show(shown, Math.min(shown + AT_ONCE, to));
      requestAnimationFrame(step);
    };
    step();
  };
  more.addEventListener("click", () => grow(shown + AT_ONCE));
  all.addEventListener("click", () => grow(total));
  block.querySelector("p.rest")?.remove();
  block.querySelector(".scroll").after(line);
  return {
    stop: () => { run += 1; },
    say: (newShown, newTotal) => {
      [shown, total] = [newShown, newTotal];
      line.hidden = shown >= total;
      said.textContent = `The first ${grouped(shown)} of ${grouped(total)} rows.`;
      more.textContent = `Show ${grouped(AT_ONCE)} more`;
      more.hidden = total - shown <= AT_ONCE;
      all.textContent = `Show all ${grouped(total)} rows`;
    },
  };
};

const start = (block, rows) => {
  const table = block.querySelector("table");
  const body = table.tBodies[0];
  const columns = JSON.parse(table.dataset.columns);
  const everyone = Array.from({ length: rows.count }, (_, row) => row);
  const { fit, refit } = fits.get(block.querySelector(".scroll"));
  const link = block.querySelector("p.download a");
  const offered = link ? downloads(link, rows.count) : () => {};
  const status = made("span", { className: "shown", role: "status" });
  const tools = made("div", { className: "tools" });
  let order = everyone;

  const show = (from, to) => {
    const elements = rows.elements(order.slice(from, to));
    elements.forEach((element) => pick?.hide(element));
    if (from) body.append(...elements);
    else body.replaceChildren(...elements);
    rest.say(to, order.length);
    refit();
  };
  const rest = restOf(block, show);
  const apply = () => {
    rest.stop();
    const chosen = choosers.filter((choice) => choice.isSet());
    const [found, isWhole] = words ? words.fitting(everyone) : [everyone, true];
    const left = found.filter((row) => chosen.every((choice) => choice.fits(row)));
    order = sort.sorted(left);
    const isSet = chosen.length > 0 || Boolean(words?.isSet());
    const first = left.length > ALL_UP_TO ? FIRST : left.length;
    const cut = first < left.length ? ` rows, the first ${grouped(first)} of them shown` : " shown";
    const how = isWhole || !left.length ? "" : ", with words that begin so";
    const refused = choosers.map((choice) => choice.refused()).join("");
    status.textContent = `${grouped(left.length)} of ${grouped(rows.count)}${cut}${how}${refused}`;
    tools.classList.toggle("filtered", isSet);
    offered(isSet ? left : null);
    show(0, first);
  };
  const changed = () => { apply(); keepInAddress(); };

  const hasFilter = rows.count >= FILTER_FROM;
  const words = hasFilter ? wordFilter(rows, changed) : null;
  const offers = hasFilter ? JSON.parse(table.dataset.choices || "[]") : [];
  const choosers = offers.map((offer, place) => chooser(offer, place, rows, changed));
  const sort = ordering(table, columns, rows, changed);
  const pick = rows.count && columns.length >= CHOOSE_FROM ? columnChooser(table, columns, () => { changed(); fit(); }) : null;
  const parts = [words, ...choosers, sort, pick].filter(Boolean);
  if (hasFilter) tools.append(words.label, ...choosers.map(({ label }) => label), status);
  if (rows.count > 1 && table.classList.contains("many")) tools.append(sort.label);
  if (pick) tools.append(pick.details);
  if (link) tools.append(link.parentElement);
  if (tools.childNodes.length) block.prepend(tools);
  if (hasFilter) apply();
  joinAddress(block.id, {
    said: () => new URLSearchParams(parts.flatMap((part) => part.said())),
    obey: (wanted) => { parts.forEach((part) => part.obey(wanted)); apply(); fit(); },
  });
};

const prepared = (block) => {
  const table = block.querySelector("table");
  if (!block.dataset.rows) {
    const rows = rowsOfTable(table);
    if (rows.count > 1) start(block, rows);
    else if (block.querySelector("p.download a")) downloads(block.querySelector("p.download a"), rows.count);
    return;
  }
  // A browser that cannot decompress shows what stands there without any script.
  unpacked(block.dataset.rows).then((text) => {
    const rows = rowsOfData(table, text);
    start(block, rows);
    // The first word that is typed finds its columns ready.
    rows.columns.forEach(({ prepare }) => requestIdleCallback(prepare));
  });
};
