// Five guided tasks in the order of the book's acts: predict, then see. What is so is read off theory or a run.
"use strict";

function makeTasks(root, stage, { play, live, refresh }) {
  const here = () => Theory.run(State.now.a, State.now.alpha);
  const lostAt = () => {
    const { gap } = here();
    const last = gap.findLastIndex((value) => value > 0);
    return last < 0 || last === gap.length - 1 ? null : Theory.times[last + 1];
  };
  const fate = (start) => {
    const end = live.result(start);
    return end.recovered ? `That took until t = ${Draw.short(end.time)}.` : `It was given until t = ${State.TIME}.`;
  };
  const chapter = (file, words) => ({ href: `../notebooks/${file}.html`, words });

  const TASKS = [
    {
      act: "The start",
      set: { a: 0.01, alpha: 3.4, time: 0 },
      ask: "A random point, before the first step, at α = 3.4. Does the Hessian there have an eigenvalue that stands apart, along a direction that knows the signal?",
      options: { yes: "Yes, one stands apart", no: "No, all lie in the bulk" },
      run: async () => {},
      outcome: () => (here().gap[0] > 0 ? "yes" : "no"),
      tell: () => `Its direction has squared overlap ${Draw.short(here().overlap2[0])} with the signal, and nobody has told it anything yet.`,
      more: chapter("01-bbp-at-initialisation", "The start"),
    },
    {
      act: "On the way",
      set: { a: 0.01, alpha: 2.8, time: 0 },
      ask: "At α = 2.8 the start is blind. The descent goes down from there. Will it see the signal at some later time?",
      options: { yes: "Yes, for a while", no: "No, never" },
      run: () => play(),
      outcome: () => (Math.max(...here().gap) > 0 ? "yes" : "no"),
      tell: () => `The largest squared overlap on the way is ${Draw.short(Math.max(...here().overlap2))}, against ${Draw.short(here().overlap2[0])} at the start.`,
      more: chapter("09-time-dependent-bbp", "The transition in time"),
    },
    {
      act: "Lost",
      set: { a: 0.01, alpha: 3.4, time: 0 },
      ask: "Back at α = 3.4, where the start sees. The energy only falls. Does the descent still see the signal at the end?",
      options: { yes: "Yes, ever better", no: "No, it goes blind" },
      run: () => play(),
      outcome: () => (here().gap.at(-1) > 0 ? "yes" : "no"),
      tell: () => {
        const lost = lostAt();
        return `${lost ? `The eigenvalue joins the bulk by t = ${Draw.short(lost)}. ` : ""}Meanwhile V has grown to ${Draw.short(here().variance.at(-1), 1)}.`;
      },
      more: chapter("02-hessian-over-time", "The Hessian over time"),
    },
    {
      act: "Finite size",
      set: { a: 0.01, alpha: 2.75, time: 0, n: 64, seed: 7, start: "random" },
      ask: "A real system of N = 64 at α = 2.75. A descent of infinite size is blind for nearly all of its time here. Will this one recover?",
      options: { yes: "It recovers", no: "It does not" },
      run: () => live.record(["random"]),
      outcome: () => (live.result("random").recovered ? "yes" : "no"),
      tell: () => fate("random"),
      more: chapter("06-finite-size-scaling", "Finite size"),
    },
    {
      act: "What decides",
      set: { a: 0.01, alpha: 2.75, time: 0, n: 64, seed: 7, start: "constrained" },
      ask: "The same system, the same point but for its overlap with the signal: that is taken away, and kept away until t = 80. Will it recover?",
      options: { yes: "It recovers", no: "It does not" },
      run: () => live.record(),
      outcome: () => (live.result("constrained").recovered ? "yes" : "no"),
      tell: () => `${fate("constrained")} One descent is an anecdote: below, run 30 seeds of each start.`,
      more: chapter("04-constrained-vs-random", "Constrained against random"),
    },
  ];

  let asked = 0;
  const buttons = TASKS.map(({ act, more }, i) => {
    const button = Object.assign(document.createElement("button"), { type: "button", innerHTML: `${i + 1}<span>. ${act}</span>` });
    button.dataset.chapter = more.href;
    button.addEventListener("click", () => State.set({ ...TASKS[i].set, task: State.now.task === i + 1 ? 0 : i + 1 }));
    return button;
  });
  const panel = document.createElement("div");
  panel.className = "prlib-task";
  panel.setAttribute("aria-live", "polite");
  const bar = document.createElement("div");
  bar.className = "prlib-acts";
  bar.setAttribute("role", "group");
  bar.setAttribute("aria-label", "Guided tasks");
  bar.append("Guided: ", ...buttons);
  root.append(bar, panel);

  const paragraph = (...children) => {
    const made = document.createElement("p");
    made.append(...children);
    return made;
  };

  const commit = async (task, number, choice) => {
    for (const button of panel.querySelectorAll("button")) {
      button.disabled = true;
      button.setAttribute("aria-pressed", String(button.name === choice));
    }
    stage.classList.remove("veiled");
    refresh();
    const whole = await task.run();
    // Stopped, or another task or point in the meantime: nobody asks any more.
    if (whole === false || State.now.task !== number || asked !== number) return;
    const right = task.outcome() === choice;
    const link = Object.assign(document.createElement("a"), { href: task.more.href, textContent: task.more.words });
    const verdict = Object.assign(document.createElement("strong"), { textContent: right ? "As you said. " : "Not as you said. " });
    panel.append(paragraph(verdict, `${task.options[task.outcome()]}. ${task.tell()} More: `, link, "."));
    panel.dataset.state = "answered";
  };

  const show = (number) => {
    asked = number;
    buttons.forEach((button, i) => button.setAttribute("aria-pressed", String(i + 1 === number)));
    stage.classList.toggle("veiled", number > 0 && number < 4);
    delete panel.dataset.state;
    panel.replaceChildren();
    if (!number) return;
    const task = TASKS[number - 1];
    const answers = document.createElement("div");
    answers.className = "prlib-answers";
    for (const [id, words] of Object.entries(task.options)) {
      const button = Object.assign(document.createElement("button"), { type: "button", name: id, textContent: words });
      button.addEventListener("click", () => commit(task, number, id));
      answers.append(button);
    }
    panel.append(paragraph(task.ask), answers);
  };

  State.listen((now, before) => {
    // Whoever leaves the question's point has left the question.
    const left = now.task && Object.entries(TASKS[now.task - 1].set).some(([name, value]) => !["time", "start"].includes(name) && now[name] !== value);
    if (left) {
      State.set({ task: 0 });
      return;
    }
    if (now.task !== asked) show(now.task);
  });
  return { preset: (number) => TASKS[number - 1]?.set ?? {} };
}
