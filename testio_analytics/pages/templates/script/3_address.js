// What is filtered, sorted and chosen stands in the address, as #untested_features?state=stale&sort=-bugs, several tables
// parted by a semicolon, so that it can be kept and passed on. Anything else behind # is the place of a heading.
const tables = new Map();
const stated = () => {
  const parts = location.hash.slice(1).split(";").filter((part) => part.includes("?"));
  return new Map(parts.map((part) => [part.slice(0, part.indexOf("?")), part.slice(part.indexOf("?") + 1)]));
};
const keepInAddress = () => {
  const all = stated();
  tables.forEach(({ said }, id) => all.set(id, said().toString()));
  const parts = [...all].filter(([, said]) => said).map(([id, said]) => `${id}?${said}`);
  if (!parts.length && !location.hash.includes("?")) return;
  const address = parts.length ? `#${parts.join(";")}` : location.pathname + location.search;
  try {
    history.replaceState(null, "", address);
  } catch {
    // A browser may refuse this for a while when it happens too often; the next change is kept again.
  }
};
const obeyAddress = () => {
  const all = stated();
  if (!all.size) return;
  tables.forEach(({ obey }, id) => obey(new URLSearchParams(all.get(id) || "")));
  document.getElementById([...all.keys()][0])?.scrollIntoView();
};
const joinAddress = (id, table) => {
  if (!id) return;
  tables.set(id, table);
  const all = stated();
  if (!all.has(id)) return;
  table.obey(new URLSearchParams(all.get(id)));
  if ([...all.keys()][0] === id) document.getElementById(id).scrollIntoView();
};
window.addEventListener("hashchange", obeyAddress);
