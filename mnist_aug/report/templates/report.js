// What the page does by itself: contents, values of marks, one seed in all figures, sorted tables.
(() => {
  "use strict";
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];

  // The contents: a menu on a narrow page, and the section being read in bold.
  const menu = document.getElementById("menu"), nav = document.querySelector("nav.contents");
  menu.hidden = false;
  nav.classList.add("closed");
  const close = (closed) => {
    nav.classList.toggle("closed", closed);
    menu.setAttribute("aria-expanded", String(!closed));
  };
  menu.addEventListener("click", () => close(menu.getAttribute("aria-expanded") === "true"));
  nav.addEventListener("click", (event) => { if (event.target.closest("a")) close(true); });
  nav.addEventListener("keydown", (event) => {
    if (event.key === "Escape") { close(true); menu.focus(); }
  });
  addEventListener("pointerdown", (event) => { if (!nav.contains(event.target)) close(true); });
  const links = new Map(all("a", nav).map((a) => [a.hash.slice(1), a]));
  const headings = all("h2[id], h3[id]").filter((h) => links.has(h.id));
  const mark = () => {
    const top = innerHeight / 3;
    let now = headings[0];
    for (const h of headings)
      if (h.checkVisibility() && h.getBoundingClientRect().top < top) now = h;
    const end = innerHeight + scrollY >= document.documentElement.scrollHeight - 2;
    if (end) now = headings.filter((h) => h.checkVisibility()).at(-1);
    for (const [id, a] of links) {
      if (now && id === now.id) a.setAttribute("aria-current", "true");
      else a.removeAttribute("aria-current");
    }
  };
  addEventListener("scroll", mark, { passive: true });
  mark();

  // A link into what is folded opens it; in print all is open.
  const open = (id) => {
    const target = id && document.getElementById(decodeURIComponent(id));
    for (let part = target; part; part = part.parentElement)
      if (part.tagName === "DETAILS") part.open = true;
    return target;
  };
  const follow = () => { const target = open(location.hash.slice(1)); if (target) target.scrollIntoView(); };
  addEventListener("hashchange", follow);
  if (location.hash) follow();
  // Heads of tables are text there, as browsers do not repeat buttons on the next sheet.
  let folded = [], heads = [];
  addEventListener("beforeprint", () => {
    folded = all("details:not([open])");
    for (const part of folded) part.open = true;
    heads = all(".sort").map((button) => [button, document.createTextNode(button.textContent)]);
    for (const [button, text] of heads) button.replaceWith(text);
  });
  addEventListener("afterprint", () => {
    for (const part of folded) part.open = false;
    for (const [button, text] of heads) text.replaceWith(button);
  });

  // The value of a mark: pointed at, or reached by the arrow keys in a focused figure.
  const tip = document.createElement("div");
  tip.className = "tip";
  tip.setAttribute("role", "status");
  tip.hidden = true;
  document.body.append(tip);
  const texts = new WeakMap(), marks = all("[data-tip]");
  for (const one of marks) {
    const title = one.querySelector("title");
    texts.set(one, title.textContent);
    title.remove(); // or the browser would say it a second time
  }
  const light = (seed) => {
    document.documentElement.classList.toggle("one-seed", seed !== null);
    for (const one of all("[data-seed].lit")) one.classList.remove("lit");
    if (seed !== null)
      for (const one of all(`[data-seed="${seed}"]`)) one.classList.add("lit");
  };
  let shown = null;
  const show = (one) => {
    if (one === shown) return;
    if (shown) shown.classList.remove("here");
    shown = one;
    tip.hidden = !one;
    light(one && one.hasAttribute("data-seed") ? one.getAttribute("data-seed") : null);
    if (!one) return;
    one.classList.add("here");
    tip.textContent = texts.get(one);
    const box = one.getBoundingClientRect(), own = tip.getBoundingClientRect();
    const left = Math.min(Math.max(8, box.left + box.width / 2 - own.width / 2),
                          document.documentElement.clientWidth - own.width - 8);
    const above = box.top - own.height - 8;
    tip.style.left = `${left}px`;
    tip.style.top = `${above > 4 ? above : box.bottom + 8}px`;
  };
  const near = (event, figure) => { // within 14 px: a dot is small
    let best = null, least = 14;
    const under = event.target.closest && event.target.closest("[data-tip]");
    for (const one of all("[data-tip]", figure)) {
      const box = one.getBoundingClientRect();
      if (one === under && one.tagName !== "use") { best = best || one; continue; }
      if (box.width > 40 && box.height > 40) continue; // a line or an area, which is hit itself
      const away = Math.hypot(event.clientX - (box.left + box.width / 2) * (box.width <= 40)
                              - Math.min(Math.max(event.clientX, box.left), box.right) * (box.width > 40),
                              event.clientY - (box.top + box.height / 2));
      if (away < least) { least = away; best = one; }
    }
    return best;
  };
  for (const figure of all("figure")) {
    const region = figure.querySelector(".wide"), own = all("[data-tip]", figure);
    if (!own.length) continue;
    figure.addEventListener("pointermove", (event) => show(near(event, figure)));
    figure.addEventListener("pointerdown", (event) => show(near(event, figure)));
    figure.addEventListener("pointerleave", (event) => { // what was touched stays until the next touch
      if (event.pointerType === "mouse") show(null);
    });
    region.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (event.key === "Escape") show(null);
      if (!step || region.scrollWidth > region.clientWidth) return;
      event.preventDefault();
      const place = own.indexOf(shown);
      show(own[place < 0 ? (step > 0 ? 0 : own.length - 1) : (place + step + own.length) % own.length]);
    });
    region.addEventListener("blur", () => show(null));
    region.setAttribute("aria-description", "The left and right arrow keys read out its values");
  }
  addEventListener("pointerdown", (event) => { if (!event.target.closest("figure")) show(null); });
  addEventListener("scroll", () => show(null), { passive: true });
  for (const row of all("tr[data-seed]")) {
    row.addEventListener("pointerenter", () => light(row.getAttribute("data-seed")));
    row.addEventListener("pointerleave", () => light(null));
  }

  // Tables are sorted by a click on the head of a column.
  const number = (text) => {
    const found = text.replace(/\u2212/g, "-").replace(/,(?=\d{3})/g, "")
      .match(/^([<>]?) ?([+-]?\d+(\.\d+)?)/);
    return found ? Number(found[2]) + { "<": -1e-9, ">": 1e-9, "": 0 }[found[1]] : NaN;
  };
  for (const table of all("main .table table")) {
    const body = table.tBodies[0], rows = [...body.rows];
    if (rows.length < 3) continue;
    [...table.tHead.rows[0].cells].forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "sort";
      button.textContent = head.textContent;
      head.replaceChildren(button);
      button.addEventListener("click", () => {
        const now = head.getAttribute("aria-sort");
        const text = head.classList.contains("text") || column === 0;
        const next = now === "none" || !now ? (text ? "ascending" : "descending")
          : now === (text ? "ascending" : "descending") ? (text ? "descending" : "ascending") : "none";
        for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
        if (next !== "none") head.setAttribute("aria-sort", next);
        const sign = next === "descending" ? -1 : 1;
        const ordered = next === "none" ? rows : [...rows].sort((a, b) => {
          const [x, y] = [a, b].map((row) => row.cells[column].textContent.trim());
          const [p, q] = [number(x), number(y)];
          if (Number.isNaN(p) !== Number.isNaN(q)) return Number.isNaN(p) ? 1 : -1;
          if (!Number.isNaN(p) && p !== q) return sign * (p - q);
          return sign * x.localeCompare(y, "en", { numeric: true });
        });
        body.append(...ordered);
      });
    });
  }
})();
