// The script that extends Orthanc Explorer, on a page that is no more than lists of texts: each step
// of the request is done, and the answer says after each what is shown, asked and waited for.
'use strict';

const fs = require('node:fs');
const vm = require('node:vm');

const request = JSON.parse(process.argv[2]);
const handlers = {};
let list = null;
let asked = null;
let waits = null;
let shown = 0;

class Element {
  constructor() {
    Object.assign(this, { attributes: {}, own: '', children: [], pressed: null, focused: false });
  }
  attr(name, value) {
    Object.assign(this.attributes, typeof name === 'string' ? { [name]: value } : name);
    return this;
  }
  text(own) {
    return Object.assign(this, { own });
  }
  append(child) {
    this.children.push(child);
    return this;
  }
  click(pressed) {
    return Object.assign(this, { pressed });
  }
  insertAfter() {
    list = this;
    return this;
  }
  empty() {
    shown += 1;
    return Object.assign(this, { children: [] });
  }
  find(selector) {
    const found = this.all().filter((one) => one.pressed);
    return selector.endsWith(':focus') ? found.filter((one) => one.focused) : new Found(found);
  }
  all() {
    return [this, ...this.children.flatMap((child) => child.all())];
  }
  css() {
    return this;
  }
  addClass() {
    return this;
  }
  listview() {
    return this;
  }
  remove() {
    return this;
  }
}

class Found {
  constructor(elements) {
    this.elements = elements;
  }
  focus() {
    for (const one of this.elements) one.focused = true;
  }
}

function $(what) {
  if (typeof what === 'object') {
    return { on: (...named) => (handlers[named.slice(0, -1).join(' ')] = named.at(-1)) };
  }
  return what.startsWith('#adjuvant-') ? (list ?? new Element()) : new Element();
}
$.each = (values, act) =>
  Array.isArray(values)
    ? values.forEach((value, index) => act(index, value))
    : Object.entries(values).forEach(([name, value]) => act(name, value));
$.parseJSON = (text) => (text ? JSON.parse(text) : null);
$.ajax = (options) => (asked = options);
$.mobile = { pageData: { uuid: 'x', active: request.page } };

vm.runInNewContext(fs.readFileSync(request.script, 'utf-8'), {
  jQuery: $,
  window: {},
  document: {},
  setTimeout: (act, ms) => (waits = { act, ms }),
  clearTimeout: () => (waits = null),
});
handlers[`pagebeforeshow #${request.page}`]();

const steps = {
  answer: (document) => asked.success(document),
  fail: ([status, responseText]) => asked.error({ status, responseText }),
  wait: () => {
    const { act } = waits;
    waits = null;
    act();
  },
  focus: () => list.find('.adjuvant-analyze').focus(),
  press: () => list.find('.adjuvant-analyze').elements[0].pressed({ preventDefault() {} }),
};

const said = request.steps.map(([name, given]) => {
  steps[name](given);
  const all = list.all();
  return {
    texts: all.map((one) => one.own).filter((text) => text),
    links: all.map((one) => one.attributes.href).filter((href) => href && href !== '#'),
    focused: all.some((one) => one.focused),
    asked: `${asked.type} ${asked.url}`,
    waits: waits && waits.ms,
    shown,
  };
});
process.stdout.write(JSON.stringify(said));
