"use strict";

// The page works without this: the address already leads to the sentence, and the recording starts there. Here, the
// sentence comes into the middle also where the address lost its end on the way, the link can be copied, and the
// words follow the recording.
const moment = document.getElementById("moment");
const player = document.getElementById("player");
const follow = document.getElementById("follow");
const copy = document.getElementById("copy");
if (moment) moment.scrollIntoView({ block: "center" });

// A student's own page counts in their name, so what it gives to others is the page that everybody has.
function here() {
  const address = new URL(copy.dataset.link || location.href);
  if (player && player.currentTime > 0) {
    address.searchParams.set("t", String(Math.floor(player.currentTime)));
    address.hash = "moment";
  }
  return address.href;
}

if (copy && navigator.clipboard) {
  copy.hidden = false;
  copy.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(here());
      copy.textContent = "Copied";
    } catch {
      copy.textContent = "Copy it from the address bar";
    }
  });
}

const startsOf = (elements) => elements.map((element) => Number(element.dataset.start));
const sentences = [...document.querySelectorAll(".paragraph p [data-start]")];
const starts = startsOf(sentences);
const chapters = document.getElementById("chapters");
const parts = chapters ? [...chapters.querySelectorAll("[data-start]")] : [];
const partStarts = startsOf(parts);
let said = -1;
let part = -1;
let following = true;
if (chapters && !matchMedia("(min-width: 64rem)").matches) chapters.firstElementChild.open = false;

// The last one that has begun; players stop a little short of the second they are sent to.
function begunAt(second, starts) {
  let low = 0;
  let high = starts.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (starts[middle] <= second + 0.05) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

function setFollowing(state) {
  following = state;
  follow.hidden = state;
}

function showPart() {
  const now = begunAt(player.currentTime, partStarts);
  if (now === part) return;
  parts[part]?.removeAttribute("aria-current");
  parts[now]?.setAttribute("aria-current", "true");
  part = now;
  if (now >= 0) chapters.scrollTop = parts[now].offsetTop - chapters.offsetTop - chapters.clientHeight / 2;
}

function show() {
  showPart();
  const now = begunAt(player.currentTime, starts);
  const untouched = said < 0 && player.paused; // the page shows the cited sentence, which begins within the second
  if (now === said || untouched) return;
  sentences[said]?.classList.remove("said");
  sentences[now]?.classList.add("said");
  said = now;
  if (following && !player.paused) sentences[now]?.scrollIntoView({ block: "center" });
}

function jump(element) {
  player.currentTime = Number(element.dataset.start);
  setFollowing(true);
  player.play().catch(() => {});
}

function pressed(event) {
  const element = event.target.closest("[data-start]");
  const elsewhere = event.ctrlKey || event.metaKey || event.shiftKey;
  const selecting = String(getSelection() ?? "") !== "" && element?.tagName !== "A";
  if (!element || player.hidden || elsewhere || selecting) return;
  event.preventDefault();
  jump(element);
}

// What the browser cannot play is said in words; so is a link that ended while the page was open.
async function failed() {
  const words = document.getElementById("unplayed");
  player.hidden = true;
  follow.hidden = true;
  document.body.classList.remove("with-video", "with-audio", "plays");
  words.hidden = false;
  try {
    const answer = await fetch(player.src, { method: "HEAD" });
    if (answer.status === 410) words.textContent = words.dataset.expired;
    else if (!answer.ok) words.textContent = "The recording cannot be read at the moment. Load the page again in a minute.";
  } catch {
    words.textContent = "The recording cannot be reached. Load the page again in a minute.";
  }
}

if (player) {
  document.body.classList.add("plays");
  player.addEventListener("timeupdate", show);
  player.addEventListener("seeking", show);
  player.addEventListener("error", failed);
  if (player.error) failed();
  player.addEventListener("loadedmetadata", showPart);
  for (const words of [chapters, document.querySelector(".transcript")]) words?.addEventListener("click", pressed);
  for (const moved of ["wheel", "touchmove"]) {
    addEventListener(moved, () => !player.paused && following && setFollowing(false), { passive: true });
  }
  follow.addEventListener("click", () => {
    setFollowing(true);
    sentences[said]?.scrollIntoView({ block: "center" });
  });
}
