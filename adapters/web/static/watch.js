"use strict";

// The page works without this: the address already leads to the sentence. Here, the sentence comes into the middle
// also where the address lost its end on the way, and the link can be copied.
const moment = document.getElementById("moment");
if (moment) moment.scrollIntoView({ block: "center" });

const copy = document.getElementById("copy");
if (copy && navigator.clipboard) {
  copy.hidden = false;
  copy.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(location.href);
      copy.textContent = "Copied";
    } catch {
      copy.textContent = "Copy it from the address bar";
    }
  });
}
