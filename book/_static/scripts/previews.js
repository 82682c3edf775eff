// A link to a figure, an equation, a term or a reference shows it where the pointer or the keyboard rests on it.
{
  const scripts = document.currentScript.src.replace(/[^/]*$/, "");
  const root = new URL("../../", scripts);
  const card = document.createElement("div");
  Object.assign(card, { id: "prlib-preview", role: "tooltip", hidden: true, className: "tex2jax_process" });
  let [asked, at, timer] = [null, null, 0];

  // What is shown is kept in one script, which nobody loads who rests on no link.
  const data = () =>
    (asked ??= new Promise((done) => {
      const script = Object.assign(document.createElement("script"), { src: `${scripts}previews-data.js` });
      script.onload = () => done(globalThis.PREVIEWS);
      script.onerror = () => done({});
      document.head.append(script);
    }));

  const place = (link) => {
    const box = [...link.getClientRects()].at(-1) ?? link.getBoundingClientRect();
    const left = Math.min(box.left, document.documentElement.clientWidth - card.offsetWidth - 8);
    const above = box.bottom + card.offsetHeight + 8 > innerHeight && box.top > card.offsetHeight + 8;
    card.style.left = `${Math.max(8, left) + scrollX}px`;
    card.style.top = `${(above ? box.top - card.offsetHeight - 6 : box.bottom + 6) + scrollY}px`;
  };

  const show = async (link) => {
    const known = await data();
    const shown = known[`${link.pathname.split("/").pop()}${decodeURIComponent(link.hash)}`];
    if (!shown || at !== link) return;
    card.innerHTML = shown;
    const picture = card.querySelector("img");
    if (picture) {
      const dark = document.documentElement.dataset.theme === "dark";
      picture.src = new URL(picture.getAttribute("src").replace(/svg$/, dark ? "dark.svg" : "svg"), root);
      picture.onload = () => place(link);
    }
    if (!card.isConnected) document.body.append(card);
    card.hidden = false;
    link.removeAttribute("title"); // says the same
    link.setAttribute("aria-describedby", card.id);
    place(link);
    await globalThis.MathJax?.typesetPromise?.([card]);
    place(link);
  };

  const hide = () => {
    clearTimeout(timer);
    at?.removeAttribute("aria-describedby");
    [at, card.hidden] = [null, true];
  };

  const rest = ({ target, type }) => {
    if (card.contains(target)) return clearTimeout(timer);
    const link = target.closest?.("article a.reference.internal[href*='#']");
    if (link === at) return link && clearTimeout(timer);
    clearTimeout(timer);
    if (!link) return void (at && (timer = setTimeout(hide, 250)));
    if (at) hide();
    at = link;
    timer = setTimeout(() => show(link), type === "focusin" ? 0 : 150);
  };

  for (const type of ["pointerover", "focusin"]) document.addEventListener(type, rest);
  document.addEventListener("focusout", hide);
  document.addEventListener("keydown", ({ key }) => key === "Escape" && hide());
}
