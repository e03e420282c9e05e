// The page: regions that scroll only where they must, the tables, and what is folded opened for printing.
const fitted = (region) => {
  const fit = () => {
    region.classList.remove("fits", "tight");
    const hasRoom = () => region.scrollWidth <= region.clientWidth;
    region.classList.toggle("tight", !hasRoom());
    const fits = hasRoom();
    region.classList.toggle("fits", fits);
    if (fits) region.removeAttribute("tabindex");
    else region.tabIndex = 0;
  };
  fit();
  window.addEventListener("resize", fit);
  // Other rows can only need more room than there is; measuring all ways anew would lay out the table three times.
  const refit = () => { if (region.classList.contains("fits") && region.scrollWidth > region.clientWidth) fit(); };
  return { fit, refit };
};

const fits = new Map([...document.querySelectorAll(".scroll")].map((region) => [region, fitted(region)]));
document.querySelectorAll("div.table").forEach(prepared);
if (window.matchMedia("(max-width: 44rem)").matches) {
  document.querySelectorAll("details.contents").forEach((details) => { details.open = false; });
}

let closed = [];
window.addEventListener("beforeprint", () => {
  closed = [...document.querySelectorAll("details.definitions:not([open])")];
  closed.forEach((details) => { details.open = true; });
});
window.addEventListener("afterprint", () => closed.forEach((details) => { details.open = false; }));
