// Gives the blocks of this package, in the outputs of JupyterLab, the look and the script of a page. The notebook holds
// the same plain HTML as without it. No build: a container as module federation expects it, which is what JupyterLab loads.
(() => {
  "use strict";
  const NAME = "testio-analytics";
  const OURS = ".testio.jp-RenderedHTMLCommon";
  const OUR_PLOTS = ".testio.jp-RenderedSVG img";
  const SVG = "image/svg+xml";
  const place = document.currentScript.src;
  const beside = (file) => new URL(file, place).href;

  // -- what a page has, for a part of this one

  const script = new Promise((resolve, reject) => {
    const element = document.createElement("script");
    element.onload = () => resolve(element.enhance);
    element.onerror = reject;
    element.src = beside("page.js");
    document.head.append(element);
  });

  // The page's colours follow the theme of JupyterLab, not that of the system.
  const styleOf = (css) => {
    const [light, dark] = [...css.matchAll(/:root\s*\{([^}]*)\}/g)].map((found) => found[1]);
    const theme = `
      --bg: var(--jp-layout-color0); --tint: color-mix(in srgb, var(--jp-layout-color2) 50%, var(--jp-layout-color0)); --faint: var(--jp-border-color2);
      --ink: var(--jp-content-font-color1); --link: var(--jp-content-link-color);
      font-variant-numeric: tabular-nums; padding: 0.25rem 0.5rem 0 0;`;
    const wins = `
      & > * { margin-bottom: 0.75rem; } .table { margin-top: 0.5rem; } .states { margin-top: 0; }
      .since { margin-top: 0; } .verdict { font-size: 1.375rem; }
      tbody tr, tbody tr:nth-child(odd) { background: none; }
      tbody tr:hover, tbody tr:nth-child(odd):hover { background: var(--tint); }
      table { margin: 0; table-layout: auto; } thead { border-bottom: 0; }
      tbody th, tbody td { border-bottom: 1px solid var(--faint); }
      th, td { white-space: normal; overflow-wrap: break-word; }
      ul.facts, ul.figures, ul.key { list-style: none; padding: 0; }
      .untrusted { color: var(--soft); font-size: 0.875rem; }`;
    return `${OURS} { ${light} ${theme} }\n[data-jp-theme-light="false"] ${OURS} { ${dark} ${theme} }\n${OURS} { ${css} ${wins} }
      ${OUR_PLOTS} { color-scheme: only light; } [data-jp-theme-light="false"] ${OUR_PLOTS} { color-scheme: only dark; }`;
  };

  const dressed = async () => {
    const element = document.createElement("style");
    element.textContent = styleOf(await (await fetch(beside("page.css"))).text());
    document.head.append(element);
  };

  // -- the extension

  const isOurs = (model) => model.metadata["text/html"]?.testio_analytics === "block";

  // JupyterLab cuts what to sort and choose by out of an output that nobody here ran: then the table stays as it is.
  const improve = async (node, isTrusted) => {
    node.classList.add("testio");
    if (isTrusted) (await script)(node);
    else if (node.querySelector("div.table tbody tr:nth-child(2)")) {
      const note = document.createElement("p");
      note.className = "untrusted";
      note.textContent = "Run the notebook, or trust it, to sort and filter this table.";
      node.prepend(note);
    }
  };

  // A plot follows the theme, and says what it shows to who cannot see it.
  const describe = (node, alt) => {
    node.classList.add("testio");
    node.querySelectorAll("img").forEach((image) => { image.alt = alt; });
  };

  const extended = (rendermime, kind, after) => {
    const plain = rendermime.getFactory(kind);
    const createRenderer = (options) => {
      const renderer = plain.createRenderer(options);
      const render = renderer.renderModel.bind(renderer);
      renderer.renderModel = async (model) => {
        await render(model);
        await after(renderer.node, model);
      };
      return renderer;
    };
    rendermime.addFactory({ ...plain, createRenderer });
  };

  const activate = (app, rendermime) => {
    extended(rendermime, "text/html", async (node, model) => {
      if (isOurs(model)) await improve(node, model.trusted);
    });
    extended(rendermime, SVG, async (node, model) => {
      const alt = model.metadata[SVG]?.alt;
      if (alt) describe(node, alt);
    });
    return dressed();
  };

  let scope;
  const shared = async (name) => {
    const [version] = Object.values(scope[name]);
    return (await version.get())();
  };
  const container = {
    init: (found) => { scope = found; },
    get: async () => {
      const { IRenderMimeRegistry } = await shared("@jupyterlab/rendermime");
      const plugin = { id: `${NAME}:blocks`, autoStart: true, requires: [IRenderMimeRegistry], activate };
      return () => ({ __esModule: true, default: plugin });
    },
  };
  (window._JUPYTERLAB ??= {})[NAME] = container;
})();
