"use strict";
// Groups of boxes say their name, which Gradio only shows; what was heard while it was played goes when it has ended.
new MutationObserver(() => {
  for (const group of document.querySelectorAll("fieldset:not([aria-label])")) {
    group.setAttribute("aria-label", group.querySelector("[data-testid=block-info]")?.textContent.trim() ?? "");
  }
}).observe(document, {childList: true, subtree: true});
document.addEventListener("ended", (event) => event.target.closest(".live")?.remove(), true);
