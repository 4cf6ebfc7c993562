"use strict";

// A student's own page: it tells the server what has played, every ten seconds while it plays, and shows what the
// server made of it. The server goes by its own clock and believes no more than can have played in that time.
{
  const EVERY_MS = 10000;
  const APART_MS = 5200;
  const FASTEST = 2;
  const MOST_PLAYED = 12;
  const recording = document.getElementById("player");
  const earning = document.getElementById("earning");
  const far = document.getElementById("far");
  const hint = document.getElementById("hint");
  const again = document.getElementById("missing");
  const bar = document.getElementById("played");
  let state = JSON.parse(earning.dataset.state);
  let ticket = null; // what the next heartbeat needs
  let waiting = false; // an answer is on its way
  let elsewhere = false; // another window counts, until play is pressed here
  let over = false; // the link or the right to watch ended
  let played = []; // stretches that the server does not know of
  let now = null; // the stretch that plays
  let seen = 0; // when it was last looked at
  let sent = -Infinity;
  let later = 0;

  function say(words) {
    hint.textContent = words;
    hint.hidden = !words;
  }

  function show() {
    far.textContent = state.words;
    earning.classList.toggle("done", state.done);
    bar.replaceChildren(
      ...state.covered.map(([from, to]) => {
        const piece = document.createElementNS("http://www.w3.org/2000/svg", "rect");
        piece.setAttribute("x", String((from / state.duration) * 1000));
        piece.setAttribute("width", String(Math.max(((to - from) / state.duration) * 1000, 1)));
        piece.setAttribute("height", "10");
        return piece;
      }),
    );
    again.hidden = state.done || !gap();
  }

  // The first part that was passed over: what comes after the present position needs no button.
  function gap() {
    return state.missing.find(([from, to]) => to - from > 1 && to < recording.currentTime + 1);
  }

  function close() {
    if (now && now[1] - now[0] > 0.1) played.push(now);
    played = played.slice(-MOST_PLAYED);
    now = null;
  }

  // What has played is what the player went through by itself; a jump begins a new stretch.
  function look() {
    const at = recording.currentTime;
    const passed = (performance.now() - seen) / 1000;
    const counts = !recording.seeking && recording.playbackRate > 0 && recording.playbackRate <= FASTEST;
    const goesOn = now && at >= now[1] && at - now[1] <= passed * recording.playbackRate * 1.2 + 0.5;
    if (goesOn && counts) now[1] = at;
    else {
      close();
      if (counts && !recording.paused) now = [at, at];
    }
    seen = performance.now();
    if (ticket && !waiting && performance.now() - sent >= EVERY_MS) beat();
  }

  async function ask(said, keepalive) {
    waiting = true;
    try {
      const answer = await fetch(earning.dataset.address, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify(said),
        keepalive,
      });
      return [answer.status, await answer.json()];
    } catch {
      return [0, {}];
    } finally {
      waiting = false;
    }
  }

  function took(answer) {
    state = answer;
    show();
    if (!state.done) return;
    if (!state.settled) setTimeout(settle, 2000);
  }

  async function begin() {
    if (ticket || waiting || elsewhere || over || state.done) return;
    close();
    played = [];
    now = recording.paused ? null : [recording.currentTime, recording.currentTime];
    seen = performance.now();
    sent = seen;
    const [status, answer] = await ask({ begin: true });
    if (status === 200) {
      ticket = answer.ticket;
      say("");
      took(answer);
    } else failed(status, answer);
  }

  async function beat(leaving = false) {
    if (!ticket || waiting || over) return;
    const wait = APART_MS - (performance.now() - sent);
    if (wait > 0) {
      if (!leaving) beatIn(wait);
      return;
    }
    if (now) played.push([...now]);
    const telling = played.filter(([from, to]) => to > from).slice(-MOST_PLAYED);
    if (!telling.length) return;
    if (now) now = [now[1], now[1]];
    played = [];
    const before = sent;
    sent = performance.now();
    const rate = Math.min(Math.max(recording.playbackRate, 0.0625), FASTEST);
    const [status, answer] = await ask({ ticket, played: telling, rate }, leaving);
    if (status === 200) {
      ticket = answer.ticket;
      say("");
      took(answer);
      return;
    }
    if (status === 0 || status === 429 || status >= 500) {
      played = [...telling, ...played].slice(-MOST_PLAYED);
      if (status === 0 || status >= 500) sent = before;
    }
    failed(status, answer);
  }

  function beatIn(ms) {
    clearTimeout(later);
    later = setTimeout(() => beat(), ms);
  }

  function failed(status, answer) {
    if (status === 429) {
      if (ticket) beatIn(APART_MS);
      else setTimeout(begin, 1200);
    } else if (status === 0 || status >= 500) {
      say("No connection. Of what plays meanwhile, only the last seconds before it is back will count.");
      if (ticket) beatIn(APART_MS);
      else setTimeout(begin, APART_MS);
    } else if (status === 409) {
      ticket = null;
      elsewhere = answer.heard === "elsewhere";
      if (elsewhere) say(answer.error);
      else setTimeout(begin, 1200);
    } else if (status === 422) {
      say(answer.error || "");
      ticket = null;
      setTimeout(begin, 1200);
    } else {
      over = true;
      say(answer.error || "This link has ended. Type /watch in the chat for a fresh one.");
    }
  }

  // The reward is paid in the background: look a few times whether it was.
  async function settle(tries = 5) {
    try {
      const answer = await fetch(`${earning.dataset.address}/progress`);
      if (answer.ok) state = await answer.json();
    } catch {
      return;
    }
    show();
    if (!state.settled && tries > 1) setTimeout(() => settle(tries - 1), 3000);
  }

  function paceSaid() {
    if (recording.playbackRate > FASTEST) say("Only up to 2x counts.");
    else if (hint.textContent === "Only up to 2x counts.") say("");
  }

  recording.addEventListener("timeupdate", look);
  recording.addEventListener("seeking", close);
  recording.addEventListener("ratechange", () => {
    look();
    paceSaid();
  });
  recording.addEventListener("playing", () => {
    elsewhere = false;
    look();
    begin();
  });
  for (const stopped of ["pause", "ended"]) {
    recording.addEventListener(stopped, () => {
      look();
      close();
      beat();
    });
  }
  recording.addEventListener("error", () => (earning.hidden = true)); // the page says that it does not play
  addEventListener("online", () => beat());
  addEventListener("pagehide", () => {
    look();
    close();
    beat(true);
  });
  document.addEventListener("visibilitychange", () => document.hidden && beat(true));
  again.addEventListener("click", () => {
    const next = gap();
    if (!next) return;
    recording.currentTime = next[0];
    recording.play().catch(() => {});
  });
  show();
}
