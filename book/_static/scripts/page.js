// The button beside a citation copies it. Without a script, or a clipboard, the text is there to be selected.
document.addEventListener("DOMContentLoaded", () => {
  for (const button of document.querySelectorAll("button.prlib-copy")) {
    const text = button.parentElement.querySelector("pre");
    button.hidden = false;
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(text.textContent);
      } catch {
        getSelection().selectAllChildren(text);
        document.execCommand("copy");
      }
      button.textContent = "Copied";
      setTimeout(() => (button.textContent = "Copy"), 2000);
    });
  }
});

// A formula or a table that scrolls sideways can be reached, and scrolled, with the keyboard.
addEventListener("load", async () => {
  await globalThis.MathJax?.startup?.promise;
  for (const box of document.querySelectorAll("mjx-container[display], div.math, pre")) {
    if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
  }
});
