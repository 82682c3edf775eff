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

// A table from pandas names its first columns in a row of their own: one row of heads is enough.
document.addEventListener("DOMContentLoaded", () => {
  for (const { tHead } of document.querySelectorAll("table.dataframe")) {
    const [heads, names] = tHead?.rows ?? [];
    if (tHead?.rows.length !== 2 || heads.cells.length !== names.cells.length) continue;
    for (const name of names.cells) {
      const head = heads.cells[name.cellIndex];
      if (!head.textContent.trim()) head.textContent = name.textContent;
    }
    names.remove();
  }
});

// A row of verdicts is a block on a phone; each number then says what it is.
document.addEventListener("DOMContentLoaded", () => {
  for (const table of document.querySelectorAll("#what-holds table, table:has(.verdict)")) {
    const heads = Array.from(table.tHead?.rows[0]?.cells ?? [], (head) => head.textContent);
    for (const row of table.tBodies[0]?.rows ?? []) {
      for (const cell of row.cells) cell.dataset.label = heads[cell.cellIndex] ?? "";
    }
  }
});

// A figure that has a moving counterpart: the stage takes its place, and gives it back.
document.addEventListener("DOMContentLoaded", () => {
  for (const button of document.querySelectorAll("button.prlib-move")) {
    const figure = button.closest("figure");
    button.addEventListener("click", () => {
      const there = figure.querySelector("iframe");
      figure.classList.toggle("moving", !there);
      button.textContent = there ? "Move it" : "Show the figure";
      if (there) return there.remove();
      const frame = document.createElement("iframe");
      Object.assign(frame, { title: "The stage", src: button.dataset.stage });
      addEventListener("message", ({ source, data }) => {
        if (source !== frame.contentWindow) return;
        if (data.height) frame.style.height = `${data.height}px`;
        if (data.ready) source.postMessage({ theme: document.documentElement.dataset.theme }, "*");
      });
      figure.prepend(frame);
    });
  }
});

// On paper every page is light.
{
  const page = document.documentElement.dataset;
  let before;
  addEventListener("beforeprint", () => {
    before ??= page.theme;
    page.theme = "light";
  });
  addEventListener("afterprint", () => {
    if (before) page.theme = before;
    before = undefined;
  });
}

// A browser may break a line on either side of a formula: not between it and its comma or bracket.
const keepPunctuation = () => {
  for (const formula of document.querySelectorAll("article mjx-container:not([display])")) {
    const inner = formula.closest("span.math") ?? formula;
    const [before, after] = [inner.previousSibling, inner.nextSibling];
    const opening = before?.nodeType === Node.TEXT_NODE && /[\p{Ps}\p{Pi}]+$/u.exec(before.data);
    const closing = after?.nodeType === Node.TEXT_NODE && /^\p{P}+/u.exec(after.data);
    if (!opening && !closing) continue;
    const whole = document.createElement("span");
    whole.style.whiteSpace = "nowrap";
    inner.before(whole);
    if (opening) whole.append(before.splitText(opening.index));
    whole.append(inner);
    if (closing) {
      after.splitText(closing[0].length);
      whole.append(after);
    }
  }
};

// A formula, a table or a figure that scrolls sideways can be reached, and scrolled, with the keyboard.
addEventListener("load", async () => {
  await globalThis.MathJax?.startup?.promise;
  keepPunctuation();
  const boxes =
    "mjx-container[display], div.math, pre, figure, .pst-scrollable-table-container, .text_html, p:has(> svg)";
  for (const box of document.querySelectorAll(boxes)) {
    if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
  }
});
