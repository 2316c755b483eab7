"use strict";
// Units as the server tells of them, by their place in the queue.
const units = [];
const states = [
	["queued", "·", "queued"], ["running", "▸", "running"], ["delivered", "↑", "arriving"],
	["done", "✓", "done"], ["failed", "✗", "failed"], ["lost", "!", "its worker is not heard of"],
];
const signOf = Object.fromEntries(states.map(([name, sign]) => [name, sign]));
const wordOf = Object.fromEntries(states.map(([name, , word]) => [name, word]));
const byID = (id) => document.getElementById(id);
// make makes an element with a text and a class.
function make(tag, text = "", name = "") {
	const e = document.createElement(tag);
	e.textContent = text;
	if (name) e.className = name;
	return e;
}
for (const [name, sign, word] of states) {
	const item = make("li");
	item.append(make("span", sign, "sign " + name), word);
	byID("legend").append(item);
}

let shown = ""; // the units that the grid was laid out for
let selected = -1;

// layout makes the grid anew: a table for each group, a row a method, a column a seed.
function layout() {
	const groups = new Map();
	units.forEach((u, i) => {
		if (!groups.has(u.group)) groups.set(u.group, { methods: new Map(), seeds: new Set() });
		const g = groups.get(u.group);
		if (!g.methods.has(u.method)) g.methods.set(u.method, new Map());
		g.methods.get(u.method).set(u.seed, i);
		g.seeds.add(u.seed);
	});
	const place = byID("groups");
	place.replaceChildren();
	for (const [name, g] of groups) {
		place.append(make("h3", name));
		const seeds = [...g.seeds].sort((a, b) => Number(a) - Number(b));
		const table = make("table", "", "grid");
		const head = table.createTHead().insertRow();
		head.append(make("th", "seed"));
		for (const s of seeds) head.append(make("th", s));
		const body = table.createTBody();
		for (const [method, cells] of g.methods) {
			const row = body.insertRow();
			const title = make("th", method);
			title.scope = "row";
			title.title = method;
			row.append(title);
			for (const s of seeds) {
				const cell = row.insertCell();
				if (!cells.has(s)) continue;
				const b = make("button", "", "sign");
				b.type = "button";
				b.id = "unit-" + cells.get(s);
				b.tabIndex = -1;
				cell.append(b);
			}
		}
		const scroll = make("div", "", "scroll");
		scroll.append(table);
		place.append(scroll);
	}
	units.forEach((_, i) => draw(i));
	const first = place.querySelector("button");
	if (first) first.tabIndex = 0;
}

// draw brings one sign up to date.
function draw(i) {
	const b = byID("unit-" + i), u = units[i];
	if (!b) return;
	b.className = "sign " + u.state;
	b.textContent = signOf[u.state];
	b.setAttribute("aria-label", `${u.method}, seed ${u.seed}: ${wordOf[u.state]}`);
	if (i === selected) detail();
}

// detail says all of the unit that was chosen.
function detail() {
	const u = units[selected], place = byID("detail");
	if (!u) return;
	const parts = [`${u.group} ${u.method}, seed ${u.seed}: ${wordOf[u.state]}`];
	if (u.text && u.state !== "done") parts.push(u.text);
	if (u.loss) parts.push("loss " + u.loss.toPrecision(3));
	if (u.try > 1) parts.push(`try ${u.try}`);
	if (u.lost) parts.push(`lost ${u.lost} times`);
	if (u.machine) parts.push("on " + u.machine);
	if (u.error) parts.push(u.error);
	place.textContent = parts.join("; ");
	place.hidden = false;
}

byID("groups").addEventListener("focusin", (e) => {
	if (!e.target.id.startsWith("unit-")) return;
	for (const b of byID("groups").querySelectorAll('button[tabindex="0"]')) b.tabIndex = -1;
	e.target.tabIndex = 0;
	selected = Number(e.target.id.slice(5));
	detail();
});
byID("groups").addEventListener("click", (e) => e.target.id.startsWith("unit-") && e.target.focus());
byID("groups").addEventListener("keydown", (e) => {
	if (!e.target.id.startsWith("unit-")) return;
	const cell = e.target.parentElement, row = cell.parentElement;
	const rows = [...byID("groups").querySelectorAll("tbody tr")];
	const at = (r, c) => r && r.cells[c] && r.cells[c].querySelector("button");
	const r = rows.indexOf(row), c = cell.cellIndex;
	let next = null;
	switch (e.key) {
	case "ArrowRight": next = at(row, c + 1); break;
	case "ArrowLeft": next = at(row, c - 1); break;
	case "ArrowDown": next = at(rows[r + 1], c) || at(rows[r + 1], 1); break;
	case "ArrowUp": next = at(rows[r - 1], c) || at(rows[r - 1], 1); break;
	case "Home": next = at(row, 1); break;
	case "End": next = at(row, row.cells.length - 1); break;
	default: return;
	}
	e.preventDefault();
	if (next) next.focus();
});

// card is a running unit with its curve.
function card(u) {
	const box = make("div", "", "card " + u.state);
	box.append(make("b", `${u.method}, seed ${u.seed}`));
	const said = [u.state === "lost" ? "its worker is not heard of" : u.text, u.loss ? "loss " + u.loss.toPrecision(3) : "", u.try > 1 ? "try " + u.try : "", u.machine];
	box.append(said.filter(Boolean).join(" · "));
	const track = make("div", "", "track"), done = make("i");
	done.style.width = 100 * (u.part || 0) + "%";
	track.append(done);
	box.append(track);
	const curve = u.curve || [];
	if (curve.length > 1) {
		const ns = "http://www.w3.org/2000/svg";
		const low = Math.min(...curve), high = Math.max(...curve), span = high - low || 1;
		const svg = document.createElementNS(ns, "svg"), line = document.createElementNS(ns, "polyline");
		svg.setAttribute("viewBox", "0 0 100 40");
		svg.setAttribute("preserveAspectRatio", "none");
		svg.setAttribute("role", "img");
		svg.setAttribute("aria-label", `validation accuracy by epoch, from ${curve[0].toFixed(1)} to ${curve[curve.length - 1].toFixed(1)} percent`);
		line.setAttribute("points", curve.map((y, x) => `${100 * x / (curve.length - 1)},${38 - 36 * (y - low) / span}`).join(" "));
		svg.append(line);
		box.append(svg, `valid ${curve[curve.length - 1].toFixed(2)} %, ${low.toFixed(1)} to ${high.toFixed(1)}`);
	}
	return box;
}

function duration(s) {
	if (s > 5400) return (s / 3600).toFixed(1) + " hours";
	return s > 90 ? Math.round(s / 60) + " minutes" : Math.round(s) + " seconds";
}

function overview(now) {
	const n = (state) => now.counts[state] || 0;
	let text = `${n("done")} of ${now.units} runs are done, ${n("running") + n("lost")} running, ${n("queued")} queued, ${n("failed")} failed`;
	if (n("lost")) text += `, ${n("lost")} with a worker that is not heard of`;
	if (now.left) text += `; about ${duration(now.left)} left`;
	byID("summary").textContent = text;
	document.title = `${n("done")}/${now.units} idarts grid`;
	byID("bar").replaceChildren(...["done", "delivered", "running", "lost", "failed"].map((state) => {
		const part = make("i", "", state);
		part.style.width = 100 * n(state) / Math.max(1, now.units) + "%";
		return part;
	}));
	byID("workers").replaceChildren(...(now.workers || []).map((w) => make("li", `${w.machine}, ${w.jobs} at a time, ${w.alive ? "here" : "not heard of"} (${w.name})`)));
	if (!(now.workers || []).length) byID("workers").replaceChildren(make("li", "none yet"));
	const busy = units.filter((u) => u.state === "running" || u.state === "lost");
	byID("running").replaceChildren(...(busy.length ? busy.slice(0, 60).map(card) : [make("p", "nothing is running", "hint")]));
	const failed = units.filter((u) => u.state === "failed");
	byID("failed-part").hidden = !failed.length;
	byID("failed").replaceChildren(...failed.slice(0, 200).map((u) => make("li", `${u.group} ${u.method}, seed ${u.seed}: ${u.error || "failed"}`)));
}

// results shows the tables and figures of what is done.
let counted = -1, waiting = 0;
async function results(done) {
	if (done === counted || waiting) return;
	waiting = setTimeout(() => { waiting = 0; }, 5000);
	counted = done;
	const names = await (await fetch("files")).json();
	byID("downloads").replaceChildren(...names.flatMap((name) => {
		const a = make("a", name);
		a.href = "files/" + name;
		a.download = name;
		return [a, " "];
	}));
	if (!names.length) byID("downloads").textContent = "nothing yet";
	const texts = await Promise.all(names.filter((n) => n.endsWith(".txt")).map(async (n) => (await fetch("files/" + n)).text()));
	byID("tables").replaceChildren(...texts.map((t) => make("pre", t)));
	byID("figures").replaceChildren(...names.filter((n) => n.endsWith(".svg")).map((n) => {
		const img = make("img");
		img.src = `files/${n}?done=${done}`;
		img.alt = n.replace(/\.svg$/, "").replaceAll("-", " ");
		return img;
	}));
}

const source = new EventSource("events");
source.onmessage = (message) => {
	const now = JSON.parse(message.data);
	const changed = Object.entries(now.changed || {});
	for (const [i, u] of changed) units[i] = u;
	units.length = Math.min(units.length, now.units); // another queue, after the server has started again
	const names = units.map((u) => `${u.group}/${u.method}/${u.seed}`).join("\n");
	if (names !== shown) {
		shown = names;
		layout();
	} else {
		for (const [i] of changed) draw(Number(i));
	}
	overview(now);
	results(now.counts.done || 0);
};
source.onerror = () => { byID("summary").textContent = "the server does not answer; trying again"; };
