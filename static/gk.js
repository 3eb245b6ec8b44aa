// gatekeeper: what makes the pages quicker. Every page and form works without it.
(() => {
  "use strict";
  const doc = document, root = doc.documentElement;
  const $ = (selector, from = doc) => from.querySelector(selector);
  const $$ = (selector, from = doc) => [...from.querySelectorAll(selector)];
  const shown = (el) => el.getClientRects().length > 0;
  root.classList.add("js");

  // ---- shortcuts
  let leader = 0;
  const typing = (el) => el.isContentEditable || (el.matches("input,textarea,select") && !/^(checkbox|radio|button|submit)$/.test(el.type));
  const rows = () => $$("[data-row]").filter(shown);
  const rowOf = (el) => el.closest("[data-row]");
  const move = (step) => {
    const all = rows(), at = all.indexOf(rowOf(doc.activeElement));
    const row = all[at < 0 ? (step > 0 ? 0 : all.length - 1) : Math.max(0, Math.min(all.length - 1, at + step))];
    if (!row) return false;
    ($("[data-row-link]", row) || $("a", row) || row).focus();
    row.scrollIntoView({ block: "nearest" });
    return true;
  };
  const open = (what) => {
    const row = rowOf(doc.activeElement), opener = row && $(`[data-open=${what}]`, row);
    if (opener) opener.click();
    return !!opener;
  };
  const tick = () => {
    const row = rowOf(doc.activeElement), box = row && $("[data-pick]", row);
    if (box) box.click();
    return !!box;
  };
  const keys = {
    "/": () => {
      const box = $("[data-search]");
      if (!box) return false;
      box.closest(".topbar")?.classList.add("searching");
      box.focus(); box.select();
      return true;
    },
    "?": () => { const list = $("#shortcuts"); list?.togglePopover(); return !!list; },
    j: () => move(1), k: () => move(-1), a: () => open("approve"), d: () => open("decline"), x: tick,
    g: () => { leader = Date.now(); return true; },
  };
  const escape = (el) => {
    const menu = $$("details.menu[open]").pop();
    if (menu) { menu.open = false; $("summary", menu).focus(); }
    if (el.matches("[data-search]")) { el.blur(); $(".topbar.searching")?.classList.remove("searching"); }
    doc.body.classList.add("tips-off");
  };
  doc.addEventListener("mousemove", () => doc.body.classList.remove("tips-off"), { passive: true });
  doc.addEventListener("focusin", () => doc.body.classList.remove("tips-off"));
  doc.addEventListener("keydown", (e) => {
    const el = e.target instanceof Element ? e.target : doc.body;
    if (e.key === "Escape") return escape(el);
    if (e.key === "Enter" && (e.ctrlKey || e.metaKey)) {
      const form = el.closest("form");
      if (!form || form.method === "get") return;
      e.preventDefault();
      const button = $$("button:not([type=button]),input[type=submit]", form).find((b) => shown(b) && !b.disabled && b.ariaDisabled !== "true");
      if (button) form.requestSubmit(button);
      return;
    }
    if (doc.body.dataset.shortcuts === "off" || e.ctrlKey || e.metaKey || e.altKey || e.isComposing || typing(el)) return;
    if (Date.now() - leader < 1500) {
      leader = 0;
      const link = /^[a-z]$/.test(e.key) && $(`[data-go=${e.key}]`);
      if (link) { e.preventDefault(); location.assign(link.href); return; }
    }
    if (Object.hasOwn(keys, e.key) && keys[e.key]()) e.preventDefault();
  });

  // ---- ticked rows: how many, and none of them
  const countPicks = () => {
    const count = $$("[data-pick]:checked").length, words = $("[data-pick-count]"), button = $("[data-pick-button]");
    if (words) words.textContent = `${count} ${count === 1 ? "gate" : "gates"} ticked.`;
    if (button && words) button.textContent = `Approve ${count}`;
  };
  doc.addEventListener("change", (e) => { if (e.target.matches("[data-pick]")) countPicks(); });
  doc.addEventListener("click", (e) => {
    if (!e.target.closest?.("[data-pick-none]")) return;
    for (const box of $$("[data-pick]:checked")) box.checked = false;
    countPicks();
    $("[data-pick]")?.focus();
  });
  countPicks();

  // ---- people behind an @
  let seeking = 0;
  const atWord = (area) => {
    const found = /(?:^|[\s(,;:])@([\p{L}\w.+-]{0,60})$/u.exec(area.value.slice(0, area.selectionStart));
    return found && { text: found[1], from: area.selectionStart - found[1].length };
  };
  const peopleOf = (area) => doc.getElementById(area.getAttribute("aria-controls"));
  const closePeople = (area) => {
    seeking += 1;
    const list = peopleOf(area);
    if (list) { list.hidden = true; list.replaceChildren(); }
    area.removeAttribute("aria-activedescendant");
  };
  const pointAt = (area, option) => {
    for (const one of peopleOf(area).children) one.ariaSelected = String(one === option);
    area.setAttribute("aria-activedescendant", option.id);
    option.scrollIntoView({ block: "nearest" });
  };
  const takePerson = (area, option) => {
    const word = atWord(area);
    if (word) area.setRangeText(`${option.dataset.value} `, word.from, area.selectionStart, "end");
    closePeople(area);
    area.focus();
  };
  const seekPeople = async (area) => {
    const word = atWord(area), turn = seeking += 1, list = peopleOf(area);
    if (!word) return closePeople(area);
    await new Promise((done) => { setTimeout(done, 150); });
    if (turn !== seeking) return;
    try {
      const answer = await fetch(`${area.dataset.mentions}?q=${encodeURIComponent(word.text)}`, { headers: { "HX-Request": "true" } });
      if (!answer.ok || answer.redirected) return;
      const found = new DOMParser().parseFromString(await answer.text(), "text/html").body.children;
      if (turn !== seeking) return;
      list.replaceChildren(...found);
      list.hidden = !list.children.length;
      const status = $("[role=status]", area.parentElement), count = list.children.length;
      if (status) status.textContent = count ? `${count} ${count === 1 ? "person" : "people"}. Arrow keys choose, Enter takes.` : "Nobody by that name.";
      if (count) pointAt(area, list.firstElementChild); else area.removeAttribute("aria-activedescendant");
    } catch { /* suggestions only help */ }
  };
  doc.addEventListener("input", (e) => { if (e.target.dataset?.mentions) seekPeople(e.target); });
  doc.addEventListener("focusout", (e) => { if (e.target.dataset?.mentions) closePeople(e.target); });
  doc.addEventListener("mousedown", (e) => {
    const option = e.target.closest?.(".mention-list [role=option]");
    if (option) { e.preventDefault(); takePerson($("[data-mentions]", option.closest(".mention-box")), option); }
  });
  doc.addEventListener("keydown", (e) => {
    const area = e.target, list = area.dataset?.mentions && peopleOf(area);
    if (!list || list.hidden || e.ctrlKey || e.metaKey || e.altKey) return;
    const all = [...list.children], at = all.findIndex((one) => one.ariaSelected === "true");
    if (e.key === "Escape") closePeople(area);
    else if (e.key === "ArrowDown") pointAt(area, all[(at + 1) % all.length]);
    else if (e.key === "ArrowUp") pointAt(area, all[(at - 1 + all.length) % all.length]);
    else if ((e.key === "Enter" || e.key === "Tab" && !e.shiftKey) && at >= 0) takePerson(area, all[at]);
    else return;
    e.preventDefault();
    e.stopPropagation();
  }, true);

  // ---- menus close by a click elsewhere
  doc.addEventListener("click", (e) => {
    for (const menu of $$("details.menu[open]")) if (!menu.contains(e.target)) menu.open = false;
  });

  // ---- toasts: one at a time, six seconds, longer while someone reads
  const box = $("#toasts");
  const startToast = (toast) => {
    if (toast.dataset.on) return;
    toast.dataset.on = "1";
    let timer = 0;
    const wait = () => { clearTimeout(timer); timer = setTimeout(() => toast.remove(), $("form,a", toast) ? 10000 : 6000); };
    const stay = () => clearTimeout(timer);
    toast.addEventListener("mouseenter", stay); toast.addEventListener("mouseleave", wait);
    toast.addEventListener("focusin", stay); toast.addEventListener("focusout", wait);
    wait();
  };
  if (box) {
    // a live region announces only what is put into it, so what came with the page is put in again
    const first = [...box.children];
    box.replaceChildren();
    new MutationObserver(() => $$(".gk-toast", box).forEach(startToast)).observe(box, { childList: true });
    setTimeout(() => box.append(...first), 150);
  }

  // ---- one submit is one request
  const rest = (form) => {
    delete form.dataset.sent;
    const button = $("[aria-busy]", form);
    if (!button) return;
    button.removeAttribute("aria-busy");
    if (button.words) button.replaceChildren(...button.words);
    button.words = null;
  };
  doc.addEventListener("submit", (e) => {
    const form = e.target, button = e.submitter;
    if (button?.ariaDisabled === "true") { e.preventDefault(); e.stopImmediatePropagation(); return; }
    if (form.method !== "post" || form.target) return;
    if (form.dataset.sent) { e.preventDefault(); e.stopImmediatePropagation(); return; }
    form.dataset.sent = "1";
    if (!button || button.matches("input")) return;
    button.setAttribute("aria-busy", "true");
    setTimeout(() => {
      if (!form.dataset.sent) return;
      button.words = [...button.childNodes];
      button.replaceChildren(button.dataset.busy || "Saving");
    }, 300);
  }, true);
  addEventListener("pageshow", (e) => { if (e.persisted) $$("form[data-sent]").forEach(rest); });

  // ---- clicks
  const flash = (button, words) => {
    const was = [...button.childNodes];
    button.replaceChildren(words);
    setTimeout(() => button.replaceChildren(...was), 2000);
  };
  doc.addEventListener("click", (e) => {
    const hit = e.target.closest?.("[data-close],[data-fill],[data-reveal],[data-copy],[data-print],[aria-disabled=true]");
    if (!hit) return;
    const { fill, reveal, copy } = hit.dataset;
    if (hit.ariaDisabled === "true") e.preventDefault();
    else if (fill) {
      const field = doc.getElementById(fill);
      field.value = hit.dataset.value;
      field.dispatchEvent(new Event("change", { bubbles: true }));
      field.focus();
    } else if (reveal) {
      const field = doc.getElementById(reveal), hidden = field.type === "password";
      field.type = hidden ? "text" : "password";
      hit.ariaPressed = String(hidden);
    } else if (copy) {
      const from = doc.getElementById(copy);
      navigator.clipboard?.writeText(from.value ?? from.textContent.trim()).then(() => flash(hit, "Copied"), () => flash(hit, "Select it by hand"));
    } else if ("print" in hit.dataset) print();
    else if ("close" in hit.dataset) hit.closest(".gk-toast,.banner").remove();
  });

  // ---- files dropped anywhere on a card
  const dropZone = (e) => e.dataTransfer?.types.includes("Files") && e.target.closest?.("[data-drop]");
  for (const name of ["dragover", "dragleave", "drop"]) doc.addEventListener(name, (e) => {
    const card = dropZone(e), input = card && $("input[type=file]", card);
    if (!input) return;
    if (name !== "dragleave") e.preventDefault();
    card.classList.toggle("dropping", name === "dragover");
    if (name !== "drop") return;
    const details = input.closest("details");
    if (details) details.open = true;
    const kind = $("[name=kind][value=file]", card);
    // a text or a link that is being written stays, and has files beside it
    if (kind && !$$("[name=text],[name=url]", card).some((field) => field.value)) kind.checked = true;
    input.files = e.dataTransfer.files;
    input.dispatchEvent(new Event("change", { bubbles: true }));
    input.focus();
  });

  // ---- signing in again in another window makes the token of this page void: a new one is fetched, once
  const renewToken = async (answer) => {
    if (answer.status !== 403 || answer.headers.get("X-Token") !== "stale") return "";
    const page = await fetch(location.href, { headers: { Accept: "text/html" } });
    const found = page.ok && !page.redirected && new DOMParser().parseFromString(await page.text(), "text/html").querySelector("[name=csrfmiddlewaretoken]");
    if (!found) return "";
    for (const field of $$("[name=csrfmiddlewaretoken]")) field.value = found.value;
    return found.value;
  };
  window.gk = { renewToken };

  // ---- drafts save themselves: within five seconds of a change, on leaving a field, and when the page is left.
  // A field or a whole form says where to (data-autosave); files have a way of their own.
  const drafts = new Map();
  const save = async (owner, keepalive = false) => {
    const state = drafts.get(owner);
    if (!state?.dirty || state.busy) return;
    if (!owner.isConnected) return drafts.delete(owner);
    Object.assign(state, { dirty: false, busy: true });
    clearTimeout(state.timer); state.timer = 0;
    const status = doc.getElementById(owner.dataset.status), say = (words) => { if (status) status.textContent = words; };
    const form = owner.form || owner, sent = new FormData(form);
    for (const input of $$("input[type=file]", form)) sent.delete(input.name);
    try {
      const post = () => fetch(owner.dataset.autosave, { method: "POST", body: sent, headers: { Accept: "application/json" }, keepalive });
      let answer = await post();
      const token = await renewToken(answer);
      if (token) { sent.set("csrfmiddlewaretoken", token); answer = await post(); }
      const body = answer.headers.get("Content-Type")?.includes("json") ? await answer.json() : {};
      if (answer.ok && !answer.redirected) {
        say(body.saved ?? "Draft saved");
        if (body.version !== undefined && form.elements.version) form.elements.version.value = body.version;
      } else if (answer.redirected) { state.dirty = true; say("You are signed out. Sign in in another window; what you typed stays here."); }
      else { state.dirty = answer.status >= 500; say(body.detail || body.message || "Not saved. Keep this page open and save by hand."); }
    } catch { state.dirty = true; say("No connection. The draft is not saved yet."); }
    state.busy = false;
    if (state.dirty) state.timer ||= setTimeout(save, 5000, owner);
  };
  const ownerOf = (el) => el.closest?.("[data-autosave]");
  for (const name of ["input", "change"]) doc.addEventListener(name, (e) => {
    const owner = ownerOf(e.target);
    if (!owner || e.target.type === "file") return;
    if (!drafts.has(owner)) drafts.set(owner, {});
    const state = drafts.get(owner);
    state.dirty = true;
    state.timer ||= setTimeout(save, 5000, owner);
  });
  doc.addEventListener("focusout", (e) => { const owner = ownerOf(e.target); if (owner) save(owner); });
  addEventListener("pagehide", () => { for (const owner of drafts.keys()) save(owner, true); });
  doc.addEventListener("submit", (e) => {
    // what is sent now need not be kept as a draft; a preview keeps nothing
    if (e.submitter?.name === "preview") save(e.target);
    else for (const owner of [...drafts.keys()]) if (owner === e.target || owner.form === e.target) drafts.delete(owner);
  });

  // ---- htmx: the token, who gets the focus, and words for failures
  const failure = (target, words) => {
    const banner = doc.createElement("div"), text = doc.createElement("p");
    banner.className = "banner t-dec"; banner.setAttribute("role", "alert"); text.className = "grow"; text.textContent = words;
    banner.append(text);
    const place = target?.isConnected && !target.closest("table,svg,ul,ol,select") ? target : $("#banners") || $("main");
    $(":scope>.banner[data-failed]", place)?.remove();
    banner.dataset.failed = "";
    place.prepend(banner);
  };
  const polled = (e) => e.detail.elt?.dataset?.poll !== undefined;
  const on = (name, listener) => doc.addEventListener(`htmx:${name}`, listener);
  on("configRequest", (e) => {
    const token = $("[name=csrfmiddlewaretoken]");
    if (token && e.detail.verb !== "get") e.detail.headers["X-CSRFToken"] = token.value;
  });
  on("beforeRequest", (e) => { if (polled(e) && doc.hidden) e.preventDefault(); });
  on("beforeSwap", (e) => {
    // the session has ended: the sign-in page is not a fragment, and a page somebody types into is not thrown away
    if (new URL(e.detail.xhr.responseURL || location.href, location.href).pathname !== "/sign-in/") return;
    e.detail.shouldSwap = false;
    if (e.detail.requestConfig?.verb === "get" && !polled(e)) location.reload();
    else if (!polled(e)) failure(e.detail.target, "You are signed out. Sign in in another window, then try again: what you typed is still here.");
  });
  on("afterRequest", (e) => { const form = e.detail.elt?.closest?.("form"); if (form) rest(form); });
  on("afterSettle", (e) => {
    const part = e.detail.elt;
    if (!part?.isConnected || polled(e) || part.dataset.poll !== undefined) return;
    let to = part.matches("[data-focus]") ? part : $("[data-focus]", part);
    // what had the focus is gone: on to the heading, or back to the field that asked
    if (!to && doc.activeElement === doc.body) to = $("h1,h2,h3", part) || doc.getElementById(e.detail.requestConfig?.elt?.id);
    if (!to) return;
    if (to.tabIndex < 0) to.tabIndex = -1;
    to.focus();
  });
  const reference = (xhr) => { const id = xhr?.getResponseHeader?.("X-Request-Id"); return id ? ` Reference ${id}.` : ""; };
  on("responseError", (e) => {
    if (polled(e)) return;
    const { xhr, target } = e.detail;
    if (xhr.getResponseHeader("X-Token") === "stale") {
      renewToken({ status: xhr.status, headers: { get: () => "stale" } }).catch(() => "").then((token) => failure(target, token
        ? "You have signed in again since. What you typed is still here: try once more." : "This page was open for too long. Copy what you typed, then load it again."));
      return;
    }
    const words = {
      403: "You may not do this.", 404: "This is not here any more. Load the page again.", 413: "This file is too large.", 429: "Too many requests. Wait a minute and try again.",
    }[xhr.status] || "This did not work, and nothing was changed. Try again.";
    failure(target, words + reference(xhr));
  });
  for (const name of ["sendError", "timeout"]) on(name, (e) => { if (!polled(e)) failure(e.detail.target, "No connection. Nothing was saved; what you typed is still here. Try again."); });

  // ---- a round counts as read after three seconds on the screen
  const seen = $("form[data-seen]");
  if (seen) {
    let timer = 0;
    const look = () => {
      clearTimeout(timer);
      if (!doc.hidden) timer = setTimeout(() => {
        doc.removeEventListener("visibilitychange", look);
        fetch(seen.action, { method: "POST", body: new FormData(seen), redirect: "manual" }).catch(() => {});
      }, 3000);
    };
    doc.addEventListener("visibilitychange", look);
    look();
  }

  // ---- the tab that is open is in sight, where tabs scroll sideways
  for (const tab of $$(".tabs [aria-current]")) {
    const bar = tab.parentElement, end = tab.offsetLeft + tab.offsetWidth - bar.offsetLeft;
    if (end > bar.clientWidth) bar.scrollLeft = end - bar.clientWidth + 20;
  }

  // ---- a form that came back: its summary is the first thing to hear
  $("[data-focus]")?.focus();
})();
