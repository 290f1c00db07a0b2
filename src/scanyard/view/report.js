"use strict";
// Turns a point cloud in a canvas with nothing but typed arrays: rotate by dragging, zoom by wheel or pinch, move by
// dragging with shift or the right button.  The layout of the data is written by cloud.py.
(() => {
  const holder = document.getElementById("viewer");
  if (!holder) return;
  const { clouds, heightStops, background, labelColor, detectionColor } = JSON.parse(
    document.getElementById("clouds").textContent);
  const canvas = holder.querySelector("canvas");
  const context = canvas.getContext("2d", { alpha: false });
  const legend = holder.querySelector(".legend");
  const caption = holder.querySelector(".caption");
  const EDGES = [[0, 1], [1, 2], [2, 3], [3, 0], [4, 5], [5, 6], [6, 7], [7, 4], [0, 4], [1, 5], [2, 6], [3, 7], [0, 7], [3, 4]];
  const NEAR = 0.3;
  const HOME = { yaw: Math.PI, pitch: 0.42, distance: 34, target: [13, 0, 0] };
  const view = { ...HOME, target: [...HOME.target], cloud: 0, colour: "height", labels: true, detections: true, size: 2 };
  let pixels, depths, image, width = 0, height = 0, waiting = false;

  const bytesOf = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const packed = ([r, g, b]) => (255 << 24) | (b << 16) | (g << 8) | r;
  const css = ([r, g, b]) => `rgb(${r},${g},${b})`;

  function heightColour(z) {
    const at = Math.min(Math.max((z + 0.5) / 4.5, 0), 1) * (heightStops.length - 1);
    const below = Math.min(Math.floor(at), heightStops.length - 2), share = at - below;
    return heightStops[below].map((v, k) => Math.round(v + share * (heightStops[below + 1][k] - v)));
  }

  function objectColour(id) {
    if (!id) return [92, 102, 110];
    const hue = (id * 0.61803398875) % 1 * 6;  // golden-ratio steps keep neighbours apart
    const f = (n) => { const k = (n + hue) % 6; return Math.round(235 * (1 - 0.62 * Math.max(0, Math.min(k, 4 - k, 1)))); };
    return [f(5), f(3), f(1)];
  }

  for (const cloud of clouds) {
    const raw = new Int16Array(bytesOf(cloud.xyz).buffer);
    cloud.points = Float32Array.from(raw, (v) => v * cloud.step);
    const classes = bytesOf(cloud.class), objects = bytesOf(cloud.object);
    cloud.colours = { height: new Uint32Array(cloud.count), class: new Uint32Array(cloud.count), object: new Uint32Array(cloud.count) };
    for (let i = 0; i < cloud.count; i++) {
      cloud.colours.height[i] = packed(heightColour(cloud.points[3 * i + 2]));
      cloud.colours.class[i] = packed(cloud.legend[classes[i]][1]);
      cloud.colours.object[i] = packed(objectColour(objects[i]));
    }
  }

  function resize() {
    const ratio = Math.min(window.devicePixelRatio || 1, 1.5);
    width = canvas.width = Math.max(2, Math.round(canvas.clientWidth * ratio));
    height = canvas.height = Math.max(2, Math.round(canvas.clientHeight * ratio));
    image = context.createImageData(width, height);
    pixels = new Uint32Array(image.data.buffer);
    depths = new Float32Array(width * height);
    redraw();
  }

  function axes() {
    const cp = Math.cos(view.pitch), sp = Math.sin(view.pitch), cy = Math.cos(view.yaw), sy = Math.sin(view.yaw);
    const forward = [-cp * cy, -cp * sy, -sp];             // from the eye to the target
    const right = [-sy, cy, 0];
    const up = [right[1] * forward[2], -right[0] * forward[2], right[0] * forward[1] - right[1] * forward[0]];
    const eye = view.target.map((t, k) => t - view.distance * forward[k]);
    return { forward, right, up, eye };
  }

  function drawPoints(cloud, { forward: F, right: R, up: U, eye: E }, focal) {
    pixels.fill(packed(background));
    depths.fill(Infinity);
    const colours = cloud.colours[view.colour], P = cloud.points, cx = width / 2, cy = height / 2;
    for (let i = 0, j = 0; i < cloud.count; i++, j += 3) {
      const x = P[j] - E[0], y = P[j + 1] - E[1], z = P[j + 2] - E[2];
      const depth = x * F[0] + y * F[1] + z * F[2];
      if (depth < NEAR) continue;
      const u = Math.round(cx + focal * (x * R[0] + y * R[1]) / depth);
      const v = Math.round(cy - focal * (x * U[0] + y * U[1] + z * U[2]) / depth);
      const size = Math.max(1, Math.min(5, Math.round(view.size * 0.04 * focal / depth) + 1));
      if (u < 0 || v < 0 || u + size > width || v + size > height) continue;
      for (let row = v; row < v + size; row++) {
        for (let at = row * width + u, end = at + size; at < end; at++) {
          if (depth < depths[at]) { depths[at] = depth; pixels[at] = colours[i]; }
        }
      }
    }
    context.putImageData(image, 0, 0);
  }

  function drawBoxes(boxes, colour, { forward: F, right: R, up: U, eye: E }, focal) {
    context.strokeStyle = css(colour);
    context.lineWidth = Math.max(1, width / 800);
    context.beginPath();
    for (const { corners } of boxes) {
      const seen = [];
      for (let k = 0; k < 24; k += 3) {
        const d = [corners[k] - E[0], corners[k + 1] - E[1], corners[k + 2] - E[2]];
        seen.push([d[0] * R[0] + d[1] * R[1], d[0] * U[0] + d[1] * U[1] + d[2] * U[2], d[0] * F[0] + d[1] * F[1] + d[2] * F[2]]);
      }
      for (const [a, b] of EDGES) {
        let p = seen[a], q = seen[b];
        if (p[2] < NEAR && q[2] < NEAR) continue;
        const cut = (from, to) => { const s = (NEAR - from[2]) / (to[2] - from[2]); return from.map((v, k) => v + s * (to[k] - v)); };
        if (p[2] < NEAR) p = cut(p, q);
        if (q[2] < NEAR) q = cut(q, p);
        context.moveTo(width / 2 + focal * p[0] / p[2], height / 2 - focal * p[1] / p[2]);
        context.lineTo(width / 2 + focal * q[0] / q[2], height / 2 - focal * q[1] / q[2]);
      }
    }
    context.stroke();
  }

  function draw() {
    waiting = false;
    const cloud = clouds[view.cloud], eye = axes(), focal = 0.95 * height;
    drawPoints(cloud, eye, focal);
    if (view.labels) drawBoxes(cloud.labels, labelColor, eye, focal);
    if (view.detections) drawBoxes(cloud.detections, detectionColor, eye, focal);
  }

  function redraw() {
    if (!waiting) { waiting = true; requestAnimationFrame(draw); }
  }

  function describe() {
    const cloud = clouds[view.cloud];
    caption.textContent = cloud.caption;
    legend.replaceChildren();
    const add = (name, colour, line) => {
      const item = document.createElement("span"), swatch = document.createElement("i");
      swatch.style.background = css(colour);
      if (line) swatch.className = "line";
      item.append(swatch, name);
      legend.append(item);
    };
    if (cloud.labels.length) add("label", labelColor, true);
    if (cloud.detections.length) add("detection", detectionColor, true);
    if (view.colour === "class") for (const [name, colour] of cloud.legend) add(name, colour, false);
    for (const button of holder.querySelectorAll("button[data-set]")) {
      const { set, value } = button.dataset;
      const on = value === undefined ? view[set] : String(view[set]) === value;
      button.setAttribute("aria-pressed", String(Boolean(on)));
    }
  }

  holder.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    const { set, value } = button.dataset;
    if (set === "home") Object.assign(view, HOME, { target: [...HOME.target] });
    else if (set === "cloud") view.cloud = Number(value);
    else if (value === undefined) view[set] = !view[set];
    else view[set] = value;
    describe();
    redraw();
  });

  function turn(dx, dy) {
    view.yaw -= dx;
    view.pitch = Math.max(-0.2, Math.min(1.55, view.pitch + dy));
    redraw();
  }

  function move(dx, dy) {
    const { right, forward } = axes(), ahead = Math.hypot(forward[0], forward[1]) || 1, scale = view.distance;
    for (let k = 0; k < 2; k++) view.target[k] += scale * (-dx * right[k] + dy * forward[k] / ahead);
    redraw();
  }

  function zoom(factor) {
    view.distance = Math.max(2, Math.min(160, view.distance * factor));
    redraw();
  }

  const held = new Map();
  let spread = 0;
  canvas.addEventListener("contextmenu", (event) => event.preventDefault());
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    held.set(event.pointerId, [event.clientX, event.clientY]);
    spread = 0;
  });
  for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, (event) => held.delete(event.pointerId));
  canvas.addEventListener("pointermove", (event) => {
    const last = held.get(event.pointerId);
    if (!last) return;
    const dx = event.clientX - last[0], dy = event.clientY - last[1];
    held.set(event.pointerId, [event.clientX, event.clientY]);
    if (held.size === 2) {
      const [a, b] = [...held.values()], now = Math.hypot(a[0] - b[0], a[1] - b[1]);
      if (spread) zoom(spread / now);
      spread = now;
    } else if (event.shiftKey || event.buttons === 2) move(dx / canvas.clientHeight, dy / canvas.clientHeight);
    else turn(dx * 0.006, dy * 0.006);
  });
  canvas.addEventListener("wheel", (event) => { event.preventDefault(); zoom(Math.exp(event.deltaY * 0.001)); }, { passive: false });
  canvas.addEventListener("keydown", (event) => {
    const keys = { ArrowLeft: () => turn(-0.08, 0), ArrowRight: () => turn(0.08, 0), ArrowUp: () => turn(0, 0.06),
      ArrowDown: () => turn(0, -0.06), "+": () => zoom(0.9), "-": () => zoom(1.1) };
    if (keys[event.key]) { event.preventDefault(); keys[event.key](); }
  });

  new ResizeObserver(resize).observe(canvas);
  describe();
})();
