/* The live page: asks for live.json now and again, and draws it. Its form is told in src/lens/live.c. */
'use strict';

const PERIOD = 700;        /* ms between two looks */
const PATIENCE = 5000;     /* ms until a look counts as failed */
const LONGEST = 10000;     /* ms between looks at a lab that does not answer */
const GIVEN_UP = 3;        /* looks without an answer until the lab is said to have ended */
const MAP_NODES = 60;      /* more are not drawn, but listed */
const QUESTIONS = ['why-three', 'why-four', 'why-time-wait', 'why-not-two', 'stream'];

const WORDS = {
  en: {
    skip: 'To the ladder', own: "this page's own connections", pause: 'Pause', theme: 'Light / dark', network: 'Network',
    connections: 'Connections', client: 'client', server: 'server', state: 'state', bytes: 'bytes ⇄', repeats: 'again',
    none: 'No connections now.', frames: 'Frames', ladder: 'Ladder', between: 'between', quiet: 'Nothing has happened yet.',
    why: 'Why?', ended: 'The lab has ended, or cannot be reached. This is its last state.', again: 'Try again',
    live: 'live', waiting: 'connecting', over: 'ended', paused: 'paused', all: 'all hosts', latest: 'the latest conversation',
    listening: 'Listening: ', sent: 'sent', duplicated: 'copied', delivered: 'delivered', lost_frames: 'lost on the way', left: 'left',
    on_the_way: 'on the way', came: 'came in', hint: 'Point at a line, a state or a drop, and read here what it means.',
    lost: 'Events were lost: ', many: 'Too many nodes to draw: ', outside: 'outside',
    'why-three': 'Why three to open?', 'why-four': 'Why four to close?', 'why-time-wait': 'Why TIME-WAIT?',
    'why-not-two': 'Why not two?', stream: 'Where are the messages?', host: 'host', router: 'router', switch: 'switch',
    in: 'received', out: 'sent', drops: 'dropped',
  },
  zh: {
    skip: '跳到梯形图', own: '显示本页自己的连接', pause: '暂停', theme: '明 / 暗', network: '网络',
    connections: '连接', client: '客户端', server: '服务器', state: '状态', bytes: '字节 ⇄', repeats: '重传',
    none: '现在没有连接。', frames: '帧', ladder: '梯形图', between: '之间', quiet: '还没有发生什么。',
    why: '为什么？', ended: '实验已经结束，或者无法访问。这是它最后的状态。', again: '重试',
    live: '实时', waiting: '连接中', over: '已结束', paused: '已暂停', all: '所有主机', latest: '最近的会话',
    listening: '监听：', sent: '发出', duplicated: '复制', delivered: '送达', lost_frames: '途中丢失', left: '离开',
    on_the_way: '在途', came: '外来', hint: '指向一行、一个状态或一个丢弃原因，这里会解释它的意思。',
    lost: '丢失的事件：', many: '节点太多，不画图：', outside: '外部',
    'why-three': '为什么三次握手？', 'why-four': '为什么四次挥手？', 'why-time-wait': '为什么要 TIME-WAIT？',
    'why-not-two': '为什么不是两次？', stream: '消息边界在哪里？', host: '主机', router: '路由器', switch: '交换机',
    in: '收', out: '发', drops: '丢',
  },
};

const $ = id => document.getElementById(id);
const SVG = 'http://www.w3.org/2000/svg';

/* What is remembered between two visits. Storage may be forbidden: then nothing is. */
const memory = {
  get(key) { try { return localStorage.getItem('vitro-' + key); } catch (e) { return null; } },
  set(key, value) { try { localStorage.setItem('vitro-' + key, value); } catch (e) { /* forbidden */ } },
};

let language = memory.get('language') || ((navigator.language || '').startsWith('zh') ? 'zh' : 'en');
let data = null;         /* the last answer */
let failures = 0, timer = 0, paused = false;
let choice = 'latest';   /* of the ladder: 'latest', 'all', 'pair:ID' or 'nodes:A,B' */
let explained = null;    /* the key whose text stands under "Why?" */
let chosenNode = null;
let layout = { key: '', at: new Map() };
let drawn = { key: '', rows: new Map() };
let newest = 0;          /* the last row whose frame has been sent over the map */

const say = word => WORDS[language][word] || word;

function element(tag, attributes, ...children) {
  const e = tag.startsWith('svg:') ? document.createElementNS(SVG, tag.slice(4)) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value !== null && value !== undefined && value !== false) e.setAttribute(name, value);
  }
  for (const child of children) if (child !== null) e.append(child);
  return e;
}

function act(e, action) {
  e.addEventListener('click', action);
  e.addEventListener('keydown', event => {
    if (event.key === 'Enter' || event.key === ' ') { event.preventDefault(); action(event); }
  });
}

/* ---- Explanations ---- */

function explain(key, extra) {
  explained = key ? { key, extra } : null;
  const found = key && data && data.explain[key];
  const drop = key && key.startsWith('drop-') && data && data.counters.drops.find(d => 'drop-' + d.reason === key);
  const text = found ? found[language] : drop ? drop[language] : '';
  $('why-text').textContent = [extra, text].filter(Boolean).join(' — ') || say('hint');
}

function explains(e, key, extra) {
  for (const event of ['mouseenter', 'focus', 'click']) e.addEventListener(event, () => explain(key, extra));
}

/* ---- The map ---- */

/* Springs: cables pull, nodes push. Begun on a circle, so that the same network looks the same each time. */
function lay_out(nodes, links) {
  const at = new Map();
  nodes.forEach((n, i) => {
    const turn = 2 * Math.PI * i / nodes.length;
    at.set(n.id, { x: Math.cos(turn), y: Math.sin(turn) * 0.6 });
  });
  for (let step = 0; step < 300; step++) {
    const heat = 0.1 * (1 - step / 300), push = new Map(nodes.map(n => [n.id, { x: 0, y: 0 }]));
    for (const a of nodes) for (const b of nodes) {
      if (a.id >= b.id) continue;
      const p = at.get(a.id), q = at.get(b.id), dx = p.x - q.x || 0.01, dy = p.y - q.y || 0.01;
      const d2 = Math.max(dx * dx + dy * dy, 0.01), f = 0.12 / d2;
      push.get(a.id).x += dx * f; push.get(a.id).y += dy * f;
      push.get(b.id).x -= dx * f; push.get(b.id).y -= dy * f;
    }
    for (const l of links) {
      const p = at.get(l.a), q = at.get(l.b);
      if (!p || !q) continue;
      const dx = p.x - q.x, dy = p.y - q.y, f = 0.6 * Math.hypot(dx, dy);
      push.get(l.a).x -= dx * f; push.get(l.a).y -= dy * f;
      push.get(l.b).x += dx * f; push.get(l.b).y += dy * f;
    }
    for (const n of nodes) {
      const p = at.get(n.id), f = push.get(n.id), size = Math.hypot(f.x, f.y) || 1, move = Math.min(size, heat) / size;
      p.x += f.x * move; p.y += f.y * move;
    }
  }
  return spread(at);
}

/* Scales to the drawing: 600 by 230, with room at the edges for names. */
function spread(at) {
  const xs = [...at.values()].map(p => p.x), ys = [...at.values()].map(p => p.y);
  const left = Math.min(...xs), top = Math.min(...ys);
  const wide = Math.max(...xs) - left || 1, high = Math.max(...ys) - top || 1;
  for (const p of at.values()) {
    p.x = 60 + 480 * (p.x - left) / wide;
    p.y = 30 + 155 * (p.y - top) / high;
  }
  return at;
}

function cable_class(link) {
  const text = link.setting.join(' ');
  return /\bcut\b/.test(text) ? 'cable cut' : /\b(loss|corrupt|duplicate|reorder)/.test(text) ? 'cable faulty' : 'cable';
}

function node_title(n) {
  return `${n.name}: ${say(n.kind)}${n.addresses.length ? ' ' + n.addresses.filter(a => !a.startsWith('127.')).join(', ') : ''}; ` +
    `${say('out')} ${n.sent}, ${say('in')} ${n.received}, ${say('drops')} ${n.drops}`;
}

function draw_map() {
  const map = $('map');
  if (data.nodes.length > MAP_NODES) {
    map.style.display = 'none';
    $('node').hidden = false;
    $('node').textContent = say('many') + data.nodes.map(n => n.name).join(', ');
    return;
  }
  const key = JSON.stringify([data.nodes.map(n => n.id), data.links.map(l => [l.a, l.b])]);
  if (key !== layout.key) layout = { key, at: lay_out(data.nodes, data.links) };
  const focus = document.activeElement && document.activeElement.dataset && document.activeElement.dataset.node;
  map.setAttribute('viewBox', '0 0 600 230');
  map.replaceChildren();
  for (const l of data.links) {
    const a = layout.at.get(l.a), b = layout.at.get(l.b);
    if (!a || !b) continue;
    const words = [...new Set(l.setting.filter(Boolean))].join(' | ');
    const line = element('svg:line', { class: cable_class(l), x1: a.x, y1: a.y, x2: b.x, y2: b.y });
    line.append(element('svg:title', {}, l.name + (words ? ': ' + words : '')));
    map.append(line);
    /* Nearer to the end that has no address under it. */
    const host = data.nodes.some(n => n.id === l.a && n.kind === 'host'), t = host ? 0.62 : 0.38;
    if (words) map.append(element('svg:text', { class: 'setting', x: a.x + (b.x - a.x) * t, y: a.y + (b.y - a.y) * t - 6 },
      words.length > 34 ? words.slice(0, 33) + '…' : words));
  }
  map.append(element('svg:g', { id: 'frames' }));
  for (const n of data.nodes) map.append(draw_node(n));
  if (focus) { const again = map.querySelector(`[data-node="${focus}"]`); if (again) again.focus(); }
  if (chosenNode !== null) {
    const n = data.nodes.find(x => x.id === chosenNode);
    $('node').textContent = n ? node_title(n) : '';
  }
  $('node').hidden = chosenNode === null;
}

function draw_node(n) {
  const p = layout.at.get(n.id), g = element('svg:g', {
    class: `node ${n.kind}${n.id === chosenNode ? ' chosen' : ''}`, tabindex: 0, role: 'button', 'data-node': n.id,
    'aria-label': node_title(n),
  });
  const wide = Math.max(34, 9 * n.name.length + 14);
  if (n.kind === 'router') g.append(element('svg:circle', { cx: p.x, cy: p.y, r: 19 }));
  else g.append(element('svg:rect', { x: p.x - wide / 2, y: p.y - 15, width: wide, height: 30, rx: n.kind === 'switch' ? 3 : 12 }));
  g.append(element('svg:text', { x: p.x, y: p.y + 4 }, n.name));
  const own = n.addresses.find(a => !a.startsWith('127.'));
  if (own && n.kind === 'host') g.append(element('svg:text', { class: 'address', x: p.x, y: p.y + 29 }, own));
  g.append(element('svg:title', {}, node_title(n)));
  act(g, () => { chosenNode = chosenNode === n.id ? null : n.id; draw_map(); });
  return g;
}

/* New rows run over the map as dots, node by node along the cables. */
function way_between(from, to) {
  const before = new Map([[from, null]]), queue = [from];
  while (queue.length) {
    const n = queue.shift();
    if (n === to) break;
    for (const l of data.links) {
      const next = l.a === n ? l.b : l.b === n ? l.a : null;
      if (next !== null && !before.has(next)) { before.set(next, n); queue.push(next); }
    }
  }
  const way = [];
  for (let n = to; n !== null && n !== undefined; n = before.get(n)) way.unshift(n);
  return way[0] === from ? way : [];
}

function run_frames(rows) {
  const fresh = rows.filter(r => r.n > newest && r.kind === 'arrow');
  const first = newest === 0;
  newest = rows.length ? Math.max(newest, rows[rows.length - 1].n) : newest;
  const group = $('frames');
  if (first || !group || matchMedia('(prefers-reduced-motion: reduce)').matches) return;
  fresh.slice(-12).forEach((r, i) => {
    const way = r.from !== null && r.to !== null ? way_between(r.from, r.to).map(n => layout.at.get(n)) : [];
    if (way.length < 2 || way.some(p => !p)) return;
    const dot = element('svg:circle', { class: 'frame' + (r.reason ? ' bad' : ''), r: 5, cx: 0, cy: 0 });
    group.append(dot);
    const end = r.reason && r.died < 1000 ? Math.max(2, Math.ceil(way.length * r.died / 1000)) : way.length;
    const steps = way.slice(0, end).map(p => ({ transform: `translate(${p.x}px, ${p.y}px)` }));
    if (!dot.animate) { dot.remove(); return; }
    dot.animate(steps, { duration: 550, delay: i * 45, fill: 'backwards', easing: 'linear' }).onfinish = () => dot.remove();
  });
}

/* ---- Connections ---- */

function node_name(id) {
  const n = data.nodes.find(x => x.id === id);
  return n ? n.name : say('outside');
}

function state_cell(state) {
  const cell = element('td', {}, element('span', { class: 'state ' + (state || '') }, state || '?'));
  if (state) explains(cell, state.toLowerCase());
  return cell;
}

function draw_connections() {
  const body = $('connection-rows'), focus = document.activeElement && document.activeElement.dataset.pair;
  body.replaceChildren(...data.connections.map(c => {
    const [a, b] = c.ends, name = e => `${node_name(e.node)} ${e.address}`;
    const row = element('tr', { tabindex: 0, 'data-pair': c.id, 'aria-selected': choice === 'pair:' + c.id, class: c.hidden ? 'own' : null },
      element('td', {}, name(a)), state_cell(a.state), element('td', {}, name(b)), state_cell(b.state),
      element('td', { class: 'number' }, `${a.bytes} / ${b.bytes}`), element('td', { class: 'number' }, String(a.again + b.again)));
    act(row, () => { choose(choice === 'pair:' + c.id ? 'latest' : 'pair:' + c.id); });
    return row;
  }));
  if (focus) { const again = body.querySelector(`[data-pair="${focus}"]`); if (again) again.focus(); }
  $('no-connections').hidden = data.connections.length !== 0;
  $('listeners').textContent = data.listeners.length
    ? say('listening') + data.listeners.map(l => `${node_name(l.node)} ${l.address}`).join(', ') : '';
}

function draw_counters() {
  const c = data.counters, parts = ['sent', 'delivered', 'ended', 'duplicated', 'left', 'came', 'on_the_way'];
  $('frame-counts').replaceChildren(...parts.filter(p => c[p] || p === 'sent' || p === 'delivered').map(p =>
    element('div', {}, element('dt', {}, say(p === 'ended' ? 'lost_frames' : p)), element('dd', {}, String(c[p])))));
  $('drops').replaceChildren(...c.drops.map(d => {
    const item = element('li', { tabindex: 0 }, element('b', {}, `${d.count} ${d.reason}`), ' ' + d[language]);
    explains(item, 'drop-' + d.reason);
    return item;
  }));
}

function draw_findings() {
  const lines = data.findings.map(f => element('p', {}, f[language]));
  if (data.lost_events) lines.push(element('p', {}, say('lost') + data.lost_events));
  const box = $('findings'), key = language + JSON.stringify([data.findings, data.lost_events]);
  if (box.dataset.key === key) return; /* an alert is read out each time it changes */
  box.dataset.key = key;
  box.replaceChildren(...lines);
  box.hidden = lines.length === 0;
}

/* ---- The ladder ---- */

function choose(what) {
  choice = what;
  draw();
}

/* The rows to be shown, and the columns: each a node, or an address outside, or an end of a connection with itself. */
function ladder_of() {
  let rows = data.rows;
  const key = (id, name) => id === null ? 'x:' + name : 'n:' + id;
  if (choice === 'all') {
    const seen = new Map();
    for (const n of data.nodes) if (n.kind === 'host') seen.set(key(n.id), { key: key(n.id), name: n.name });
    for (const r of rows) for (const [id, name] of [[r.from, r.from_name], [r.to, r.to_name]]) {
      if (r.kind === 'arrow' && !seen.has(key(id, name))) seen.set(key(id, name), { key: key(id, name), name });
    }
    return { rows, columns: [...seen.values()].slice(0, 8) };
  }
  let pair = choice.startsWith('pair:') ? Number(choice.slice(5)) : null;
  if (pair === null) {
    for (const r of rows) if (r.pair && r.kind !== 'note') pair = r.pair;
  }
  const connection = data.connections.find(c => c.id === pair);
  const row = rows.find(r => r.pair === pair && (r.kind === 'begin' || r.kind === 'arrow'));
  let ends;
  if (connection) ends = connection.ends.map(e => ({ id: e.node, name: e.node === null ? e.address.replace(/:\d+$/, '') : node_name(e.node) }));
  else if (row) ends = row.kind === 'arrow' && row.side === 1
    ? [{ id: row.to, name: row.to_name }, { id: row.from, name: row.from_name }]
    : [{ id: row.from, name: row.from_name }, { id: row.to, name: row.to_name }];
  else {
    const any = [...rows].reverse().find(r => r.kind === 'arrow');
    if (!any) return { rows: [], columns: [] };
    ends = [{ id: any.from, name: any.from_name }, { id: any.to, name: any.to_name }];
  }
  const loop = ends[0].id !== null && ends[0].id === ends[1].id;
  const columns = ends.map((e, i) => ({ key: loop ? 'side:' + i : key(e.id, e.name), name: loop ? `${e.name} (${say(i ? 'server' : 'client')})` : e.name }));
  const between = new Set(ends.map(e => key(e.id, e.name)));
  rows = rows.filter(r => choice.startsWith('pair:') && r.pair ? r.pair === pair
    : r.kind === 'legend' ? !r.pair || rows.some(o => o.pair === r.pair && between.has(key(o.from, o.from_name)) && between.has(key(o.to, o.to_name)))
      : between.has(key(r.from, r.from_name)) && between.has(key(r.to, r.to_name)));
  return { rows, columns, loop };
}

function column_of(ladder, row, to) {
  const id = to ? row.to : row.from, name = to ? row.to_name : row.from_name;
  if (ladder.loop) return to && row.kind === 'arrow' ? 1 - (row.side || 0) : (row.side || 0);
  return ladder.columns.findIndex(c => c.key === (id === null ? 'x:' + name : 'n:' + id));
}

const place = (ladder, i) => ladder.columns.length < 2 ? 50 : 2 + 96 * i / (ladder.columns.length - 1);

function state_at(ladder, row, i) {
  const s = row.states.find(x => ladder.loop ? x.side === i : ladder.columns[i] && ladder.columns[i].key === 'n:' + x.node);
  return s ? s.state : '';
}

function lifelines(ladder, row) {
  return ladder.columns.map((c, i) => element('svg:line', {
    class: 'life' + (state_at(ladder, row, i) === 'TIME-WAIT' ? ' wait' : ''),
    x1: place(ladder, i) + '%', x2: place(ladder, i) + '%', y1: 0, y2: '100%',
  }));
}

function arrow_of(ladder, row) {
  const way = element('div', { class: 'way' }), svg = element('svg:svg', { 'aria-hidden': 'true' }, ...lifelines(ladder, row));
  const i = column_of(ladder, row, false), k = column_of(ladder, row, true);
  const from = i >= 0 ? place(ladder, i) : place(ladder, k) + (k > 0 ? -30 : 30);
  const to = k >= 0 ? place(ladder, k) : place(ladder, i) + (i > 0 ? -30 : 30);
  const part = row.reason ? row.died / 1000 : row.fate === 'open' ? 0.5 : 1;
  const end = from + (to - from) * part, y1 = 22, y2 = 22 + 10 * part, right = to > from;
  svg.append(element('svg:line', { class: 'arrow', x1: from + '%', y1, x2: end + '%', y2 }));
  const tip = element('svg:svg', { x: end + '%', y: y2, overflow: 'visible' });
  if (row.reason) tip.append(element('svg:path', { class: 'cross', d: 'M-5 -5L5 5M5 -5L-5 5' }));
  else if (row.fate !== 'open') tip.append(element('svg:path', { class: 'tip', d: right ? 'M0 0L-10 -4.5L-10 4.5z' : 'M0 0L10 -4.5L10 4.5z' }));
  svg.append(tip);
  way.append(svg, element('span', { class: 'label', style: `left:${Math.min(from, to)}%;right:${100 - Math.max(from, to)}%` },
    row.label + (row.sent_why ? ` [${row.sent_why}]` : '')));
  return way;
}

const seconds = t => t.toFixed(t < 1000 ? 6 : 3);

function row_of(ladder, row, before) {
  const kind = row.kind, last = ladder.columns.length - 1, many = ladder.columns.length !== 2;
  const at = kind === 'arrow' ? column_of(ladder, row, true) : column_of(ladder, row, false);
  const bad = row.reason || row.bad, item = element('li', {
    class: `row ${kind}${bad ? ' bad' : row.again || row.duplicate ? ' again' : ''}${row.fate === 'open' ? ' open' : ''}${many ? ' many' : ''}`,
    tabindex: 0, 'data-n': row.n,
    'aria-label': `${seconds(row.time)} ${row.from_name}${kind === 'arrow' ? ' → ' + row.to_name : ''}: ${row.label} ${row.note || ''} ` +
      row.states.map(s => s.state).join(' / '),
  });
  const came = !row.reason && row.fate !== 'open' || row.died >= 1000;
  const left = kind !== 'arrow' ? row.time : column_of(ladder, row, false) === 0 ? row.sent : came ? row.time : null;
  const right = kind !== 'arrow' ? null : column_of(ladder, row, false) === last ? row.sent : came ? row.time : null;
  const time = (t, cls) => element('span', { class: 'when' + cls }, t === null || kind === 'legend' ? '' : seconds(t));
  const side = (i, cls) => {
    const state = many ? '' : state_at(ladder, row, i), was = before && !many ? state_at(ladder, before, i) : '';
    const cell = element('span', { class: 'beside' + cls + (state !== was ? ' new' : '') }, state);
    if (state) explains(cell, state.toLowerCase(), state);
    return cell;
  };
  let middle;
  if (kind === 'arrow' && (many ? left !== undefined : true) && column_of(ladder, row, false) !== column_of(ladder, row, true)) middle = arrow_of(ladder, row);
  else {
    middle = element('div', { class: 'way' }, element('svg:svg', { 'aria-hidden': 'true' }, ...lifelines(ladder, row)));
    middle.append(element('div', { class: 'words' + (kind === 'note' && at === last && last > 0 ? ' right' : '') },
      (many && kind === 'note' ? row.from_name + ': ' : '') + row.label));
  }
  item.append(time(many ? row.time : left, kind === 'arrow' && at === 0 && !many ? ' late' : ''), side(0, ''), middle, side(1, ' right'),
    time(many ? null : right, ' right' + (at === last ? ' late' : '')));
  if (row.note) item.append(element('span', { class: 'small' }, row.note));
  explains(item, row.why, row.label);
  return item;
}

function draw_ladder() {
  const ladder = ladder_of(), list = $('ladder-rows');
  const key = language + JSON.stringify(ladder.columns);
  const follows = list.scrollTop + list.clientHeight >= list.scrollHeight - 40;
  if (drawn.key !== key) {
    drawn = { key, rows: new Map() };
    list.replaceChildren();
    const way = element('div', { class: 'way' }, ...ladder.columns.map((c, i) => element('span', { style: `left:${place(ladder, i)}%` }, c.name)));
    $('ladder-head').replaceChildren(element('span'), element('span'), way, element('span'), element('span'));
    $('ladder-head').classList.toggle('many', ladder.columns.length !== 2);
  }
  const wanted = new Set(ladder.rows.map(r => r.n));
  for (const [n, item] of drawn.rows) {
    if (!wanted.has(n)) { item.remove(); drawn.rows.delete(n); }
  }
  let before = null;
  for (const r of ladder.rows) {
    if (!drawn.rows.has(r.n)) {
      const item = row_of(ladder, r, before);
      drawn.rows.set(r.n, item);
      list.append(item);
    }
    if (r.states.length) before = r;
  }
  $('no-rows').hidden = ladder.rows.length !== 0;
  if (follows) list.scrollTop = list.scrollHeight;
  const options = [['latest', say('latest')], ['all', say('all')],
    ...data.connections.slice(0, 50).map(c => ['pair:' + c.id, c.ends.map(e => `${node_name(e.node)} ${e.address}`).join(' ⇄ ')])];
  const select = $('between'), text = JSON.stringify(options);
  if (select.dataset.options !== text && document.activeElement !== select) {
    select.dataset.options = text;
    select.replaceChildren(...options.map(([value, name]) => element('option', { value }, name)));
  }
  if (!options.some(o => o[0] === choice)) choice = 'latest';
  select.value = choice;
}

/* ---- All of it ---- */

function draw_words() {
  document.documentElement.lang = language === 'zh' ? 'zh-Hans' : 'en';
  for (const e of document.querySelectorAll('[data-say]')) e.textContent = say(e.dataset.say);
  $('language').textContent = language === 'zh' ? 'English' : '中文';
  $('language').lang = language === 'zh' ? 'en' : 'zh';
  $('questions').replaceChildren(...QUESTIONS.map(q => {
    const button = element('button', { type: 'button' }, say(q));
    button.addEventListener('click', () => explain(q));
    return button;
  }));
  explain(explained && explained.key, explained && explained.extra);
  draw_status();
}

function draw_status() {
  const [cls, word] = failures >= GIVEN_UP ? ['over', 'over'] : paused ? ['wait', 'paused'] : failures || !data ? ['wait', 'waiting'] : ['live', 'live'];
  if ($('status').textContent !== say(word)) $('status').textContent = say(word);
  $('status').className = 'status ' + cls;
  $('ended').hidden = failures < GIVEN_UP;
}

function draw() {
  draw_status();
  if (!data) return;
  document.title = `${data.title} · Vitro`;
  $('title').textContent = data.title;
  $('time').textContent = data.time.toFixed(1) + ' s';
  draw_map();
  draw_connections();
  draw_counters();
  draw_findings();
  draw_ladder();
  run_frames(data.rows);
}

async function look() {
  const stop = new AbortController(), late = setTimeout(() => stop.abort(), PATIENCE);
  try {
    const answer = await fetch('live.json' + ($('hidden').checked ? '?hidden=1' : ''), { cache: 'no-store', signal: stop.signal });
    if (!answer.ok) throw new Error(String(answer.status));
    const fresh = await answer.json();
    if (fresh.version !== 1) throw new Error('version ' + fresh.version);
    data = fresh;
    failures = 0;
  } catch (error) {
    failures++;
  } finally {
    clearTimeout(late);
  }
  draw();
  next();
}

/* The next look: soon; after failures later and later. A page that nobody sees does not look. */
function next() {
  clearTimeout(timer);
  if (paused || document.hidden) return;
  timer = setTimeout(look, failures ? Math.min(PERIOD * 2 ** failures, LONGEST) : PERIOD);
}

$('language').addEventListener('click', () => {
  language = language === 'zh' ? 'en' : 'zh';
  memory.set('language', language);
  draw_words();
  draw();
});
$('theme').addEventListener('click', () => {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
  root.dataset.theme = dark ? 'light' : 'dark';
  memory.set('theme', root.dataset.theme);
});
$('pause').addEventListener('click', () => {
  paused = !paused;
  $('pause').setAttribute('aria-pressed', String(paused));
  draw_status();
  if (paused) clearTimeout(timer); else look();
});
$('again').addEventListener('click', look);
$('hidden').addEventListener('change', look);
$('between').addEventListener('change', () => choose($('between').value));
$('ladder-rows').addEventListener('keydown', event => {
  const step = { ArrowDown: 'nextElementSibling', ArrowUp: 'previousElementSibling' }[event.key];
  const to = step && document.activeElement[step];
  if (to) { event.preventDefault(); to.focus(); }
});
document.addEventListener('visibilitychange', () => { if (!document.hidden && !paused) look(); });

if (memory.get('theme')) document.documentElement.dataset.theme = memory.get('theme');
draw_words();
look();
