// Where pages lie, as the kernel's own text says it, read without the package's help.
const { readFileSync } = require('node:fs');
const { assert, near } = require('./harness.cjs');

const LINE =
  /^[0-9a-f]+ (default|local|prefer \(many\)|prefer|weighted interleave|bind|interleave)(?:=[a-z|]+)?(?::([\d,-]+))? ?(.*)$/;

/** Pages by node over every mapping of this process with a policy of its own; only regions have one. */
function placedPages() {
  const pages = new Map();
  const policies = new Set();
  for (const line of readFileSync('/proc/self/numa_maps', 'latin1').split('\n')) {
    const [, policy, nodes, rest] = LINE.exec(line) ?? [];
    if (policy === undefined || policy === 'default') continue;
    policies.add(nodes === undefined ? policy : `${policy}:${nodes}`);
    for (const [, node, count] of rest.matchAll(/N(\d+)=(\d+)/g)) {
      pages.set(Number(node), (pages.get(Number(node)) ?? 0) + Number(count));
    }
  }
  return { pages, policies: [...policies].sort() };
}

const plain = (map) => Object.fromEntries([...map].sort(([a], [b]) => a - b));

/** move_pages, by region.nodes(), and numa_maps both show these pages by node. Returns the policies in force. */
function expectPages(region, expected) {
  const report = region.nodes();
  assert.equal(report.source, 'move_pages');
  assert.deepEqual(plain(report.nodes), expected, 'move_pages');
  const { pages, policies } = placedPages();
  assert.deepEqual(plain(pages), expected, 'numa_maps');
  return policies;
}

/** As expectPages, each node within 2 % of its share by weight. */
function expectShares(region, weights, total) {
  const sum = Object.values(weights).reduce((all, weight) => all + weight, 0);
  const { pages, policies } = placedPages();
  for (const [source, counts] of [
    ['move_pages', region.nodes().nodes],
    ['numa_maps', pages],
  ]) {
    assert.deepEqual(Object.keys(plain(counts)), Object.keys(weights), `${source}: nodes`);
    for (const [node, weight] of Object.entries(weights)) {
      near(counts.get(Number(node)), (total * weight) / sum, total, `${source}, node ${node}`);
    }
  }
  return policies;
}

module.exports = { expectPages, expectShares, placedPages, plain };
