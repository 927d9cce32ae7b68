// The slider for strength: images from a sprite, and a ring on each accuracy curve.
(() => {
  "use strict";
  const block = document.getElementById("strength-slider");
  if (!block) return;
  const input = document.getElementById("strength-factor");
  const value = document.getElementById("strength-value");
  const canvases = [...block.querySelectorAll("canvas")];
  const said = [...block.querySelectorAll(".said span")];
  const trained = said.filter((one) => one.hasAttribute("data-runs"));
  const marks = [...block.querySelectorAll("use[data-tip]")];
  const rings = marks.filter((_, place) => place % trained.length === 0).map((mark) => {
    const ring = document.createElementNS("http://www.w3.org/2000/svg", "circle");
    ring.setAttribute("class", "ring");
    ring.setAttribute("r", "5.5");
    mark.ownerSVGElement.append(ring);
    return ring;
  });
  const sprite = new Image();
  const factors = said.map((one) => Number(one.dataset.factor));
  let chosen = factors.indexOf(1), held = false;
  const draw = () => {
    const own = said[chosen];
    canvases.forEach((canvas, column) => {
      const pen = canvas.getContext("2d"), { width, height } = canvas;
      pen.drawImage(sprite, column * width, chosen * height, width, height, 0, 0, width, height);
    });
    said.forEach((one) => { one.hidden = one !== own; });
    value.textContent = `${own.dataset.factor}\u00d7`;
    input.setAttribute("aria-valuetext", `${own.dataset.factor} times`);
    const place = trained.indexOf(own);
    rings.forEach((ring, curve) => {
      ring.toggleAttribute("hidden", place < 0);
      if (place < 0) return;
      const mark = marks[curve * trained.length + place];
      ring.style.transform = `translate(${mark.getAttribute("x")}px, ${mark.getAttribute("y")}px)`;
    });
  };
  for (const kind of ["pointerdown", "pointerup", "pointercancel"]) {
    input.addEventListener(kind, () => { held = kind === "pointerdown"; });
  }
  // It stands at factors that there are images of; a key moves it to the next of them.
  input.addEventListener("input", () => {
    const asked = Number(input.value), before = factors[chosen];
    const nearest = factors.reduce((best, one, place) =>
      Math.abs(one - asked) < Math.abs(factors[best] - asked) ? place : best, 0);
    const onward = Math.min(Math.max(chosen + Math.sign(asked - before), 0), factors.length - 1);
    chosen = nearest === chosen && !held ? onward : nearest;
    input.value = factors[chosen];
    draw();
  });
  sprite.addEventListener("load", () => { block.hidden = false; draw(); });
  sprite.src = input.dataset.sprite;
})();
