"use strict";
// One player sounds at a time; a line shows where it is; a click on a picture goes there. Without this, players still play.
document.addEventListener("play", (event) => {
  for (const other of document.querySelectorAll("audio")) if (other !== event.target) other.pause();
  follow(event.target);
}, true);

function follow(audio) {
  const heads = audio.closest(".take")?.querySelectorAll(".head") ?? [];
  for (const head of heads) {
    head.hidden = !audio.currentTime;
    head.style.left = `${(100 * audio.currentTime) / audio.duration}%`;
  }
  if (!audio.paused) requestAnimationFrame(() => follow(audio));
}

document.addEventListener("seeked", (event) => follow(event.target), true);
document.addEventListener("click", (event) => {
  const plot = event.target.closest(".plot");
  if (!plot) return;
  const audio = plot.closest(".take").querySelector("audio");
  const box = plot.getBoundingClientRect();
  audio.currentTime = (audio.duration * (event.clientX - box.left)) / box.width;
  audio.play();
});
