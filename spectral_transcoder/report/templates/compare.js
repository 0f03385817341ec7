// Two spectrograms under each other's edge: choose both, move the edge with mouse, finger or arrow keys.
for (const compare of document.querySelectorAll("[data-compare]")) {
  const pictures = [...compare.parentElement.querySelectorAll(".versions img")];
  const stage = compare.querySelector(".stage");
  const slider = compare.querySelector("[data-slider]");
  const sides = { left: stage.querySelector(".over"), right: stage.querySelector(".under") };
  const chosen = {};
  const describe = () => {
    const share = slider.value;
    stage.style.setProperty("--split", `${share}%`);
    slider.setAttribute("aria-valuetext", `${share} % ${chosen.left}, ${100 - share} % ${chosen.right}`);
  };
  for (const select of compare.querySelectorAll("[data-side]")) {
    const show = () => {
      const side = select.dataset.side;
      sides[side].src = pictures[select.value].getAttribute("src");
      sides[side].alt = `${side}: ${pictures[select.value].alt}`;
      chosen[side] = select.selectedOptions[0].textContent;
      describe();
    };
    select.addEventListener("change", show);
    show();
  }
  slider.addEventListener("input", describe);
  compare.hidden = false;
}
// One sound at a time.
document.addEventListener("play", (event) => {
  for (const player of document.querySelectorAll("audio")) if (player !== event.target) player.pause();
}, true);
