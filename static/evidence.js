// Files of evidence: chosen or dropped, sent in pieces, going on after a failure or a reload. Forms work without it.
(() => {
  "use strict";
  const doc = document, TRIES = 4;
  const $ = (selector, from = doc) => from.querySelector(selector);
  const wait = (ms) => new Promise((done) => setTimeout(done, ms));

  class Stopped extends Error {}

  // ---- one request, tried again while it is the connection that fails
  const ask = async (url, options, again = TRIES) => {
    for (let n = 1, renewed = false; ; n++) {
      let answer;
      try { answer = await fetch(url, options); } catch (error) {
        if (options.signal?.aborted) throw error;
        if (n >= again) throw new Stopped("No connection.");
        await wait(500 * 2 ** n);
        continue;
      }
      const token = renewed ? "" : await window.gk.renewToken(answer);
      if (token) {
        options = { ...options, headers: { ...options.headers, "X-CSRFToken": token } };
        renewed = true;
        continue;
      }
      const body = answer.headers.get("Content-Type")?.includes("json") ? await answer.json() : {};
      if (answer.redirected) throw new Stopped("You are signed out. Sign in again in another window, then try again.");
      return { status: answer.status, ok: answer.ok, body };
    }
  };

  // ---- who has pressed the button already waits for the last file, and for nothing that has stopped
  const waiting = new WeakMap();
  const go = (form, is_whole) => {
    if (Number(form.dataset.uploading) && is_whole) return;
    const button = waiting.get(form);
    waiting.delete(form);
    $("[data-uploads-wait]", form)?.remove();
    if (button && is_whole && form.isConnected) form.requestSubmit(button);
  };

  const send = async (box, file) => {
    const form = box.closest("form"), list = $("ul.files", box);
    const row = $("template[data-upload-row]", box).content.firstElementChild.cloneNode(true);
    const bar = $("progress", row), note = $(".note", row), again = $("[data-again]", row), abort = $("[data-abort]", row);
    const headers = { get "X-CSRFToken"() { return $("[name=csrfmiddlewaretoken]", form).value; }, Accept: "application/json" };
    const control = new AbortController();
    let known = null, running = false;
    $(".name", row).textContent = file.name;
    abort.setAttribute("aria-label", `Take ${file.name} away`);
    bar.setAttribute("aria-label", `Upload of ${file.name}`);
    for (const old of list.querySelectorAll("[data-stopped]")) if (old.dataset.stopped === file.name) old.remove();
    list.append(row);
    const show = () => {
      const share = known.size ? Math.floor((100 * known.received) / known.size) : 0;
      bar.value = share;
      note.textContent = `${share} %`;
    };
    const announce = async () => {
      const words = new URLSearchParams({ name: file.name, size: file.size, mark: `${file.lastModified}` });
      const { ok, body } = await ask(box.dataset.uploads, { method: "POST", headers, body: words, signal: control.signal });
      if (!ok) throw new Stopped(body.message || "This file was not taken.");
      known = body;
    };
    const run = async () => {
      running = true;
      again.hidden = true;
      form.dataset.uploading = Number(form.dataset.uploading || 0) + 1;
      try {
        if (!known) await announce();
        while (!known.is_finished) {
          show();
          const piece = file.slice(known.received, known.received + known.piece);
          const { ok, status, body } = await ask(known.url, {
            method: "POST", headers: { ...headers, "Content-Type": "application/octet-stream", "Upload-Offset": known.received }, body: piece, signal: control.signal,
          });
          if (ok) known = body;
          else if (status === 409 && body.code === "wrong_offset") known = (await ask(known.url, { headers, signal: control.signal })).body;
          else {
            // what the server threw away begins anew
            if (["infected", "upload_gone"].includes(body.code) || status === 404) known = null;
            throw new Stopped(body.message || "The upload stopped.");
          }
        }
        finish();
      } catch (error) {
        if (!control.signal.aborted) {
          note.textContent = error instanceof Stopped ? error.message : "The upload stopped.";
          row.classList.add("stopped");
          again.hidden = false;
        }
      }
      running = false;
      form.dataset.uploading = Number(form.dataset.uploading) - 1;
      go(form, !!known?.is_finished || control.signal.aborted);
    };
    const finish = () => {
      bar.remove();
      again.remove();
      row.classList.remove("stopped");
      note.textContent = `${known.words} · uploaded, not ready yet`;
      for (const old of list.querySelectorAll("[name=received]")) if (old.value === String(known.id)) old.closest("li").remove();
      const chosen = Object.assign(doc.createElement("input"), { type: "hidden", name: "received", value: known.id });
      row.append(chosen);
    };
    again.addEventListener("click", () => { if (!running) { row.classList.remove("stopped"); run(); } });
    abort.addEventListener("click", async () => {
      control.abort();
      row.remove();
      $("input[type=file]", box)?.focus();
      if (known) await ask(known.remove, { method: "POST", headers }).catch(() => {});
    });
    await run();
  };

  const take = (input, files) => {
    const box = input.closest("[data-uploads]"), list = [...files];
    input.value = "";
    // one after the other: each has the whole line for itself
    const form = input.form;
    form.dataset.uploading = Number(form.dataset.uploading || 0) + 1;
    list.reduce((before, file) => before.then(() => send(box, file)), Promise.resolve()).then(() => {
      form.dataset.uploading = Number(form.dataset.uploading) - 1;
      go(form, true);
    });
  };
  doc.addEventListener("change", (e) => {
    const input = e.target;
    if (input.type === "file" && input.files.length && input.closest("[data-uploads]")) take(input, input.files);
  });

  // ---- files dropped on a card whose form is not open: it opens, and takes them
  for (const name of ["dragover", "dragleave", "drop"]) doc.addEventListener(name, async (e) => {
    const card = e.dataTransfer?.types.includes("Files") && e.target.closest?.("[data-drop-open]");
    if (!card) return;
    if (name !== "dragleave") e.preventDefault();
    card.classList.toggle("dropping", name === "dragover");
    if (name !== "drop") return;
    const files = [...e.dataTransfer.files], id = card.id;
    await window.htmx.ajax("GET", card.dataset.dropOpen, { target: `#${id}`, swap: "outerHTML" });
    const input = $(`#${id} input[type=file]`);
    if (input) take(input, files);
  });

  // ---- a form does not go before its files have
  addEventListener("submit", (e) => {
    const form = e.target;
    if (!Number(form.dataset.uploading) || e.submitter?.name) return;
    e.preventDefault();
    e.stopImmediatePropagation();
    waiting.set(form, e.submitter);
    if ($("[data-uploads-wait]", form)) return;
    const words = Object.assign(doc.createElement("p"), { className: "small tx-cond", textContent: "A file is still on its way. This is marked as ready as soon as it is there." });
    words.dataset.uploadsWait = "";
    words.setAttribute("role", "status");
    e.submitter?.closest(".line")?.after(words);
  }, true);
})();
