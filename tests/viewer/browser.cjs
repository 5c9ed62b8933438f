// What every scenario needs: a headless Chromium, one page, and everything that it complained of.
'use strict';

const path = require('node:path');
const { chromium } = require('playwright-core');

const SIZE = { width: 1400, height: 900 };
const FLAGS = [
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--use-gl=angle',
  '--use-angle=swiftshader',
  '--enable-unsafe-swiftshader',
];

// Run `act(page, request)` and print what it answers, with `complaints`, as JSON.
// `request` is the JSON on the command line; `request.out` is the folder for pictures.
async function scenario(act) {
  const request = JSON.parse(process.argv[2]);
  // Chromium's sandbox refuses to start for root.
  const flags = process.getuid() === 0 ? [...FLAGS, '--no-sandbox'] : FLAGS;
  const browser = await chromium.launch({ executablePath: request.chromium, args: flags });
  try {
    const page = await browser.newPage({ viewport: SIZE });
    page.setDefaultTimeout(40000);
    const complaints = listen(page);
    try {
      const answer = await act(page, request);
      process.stdout.write(JSON.stringify({ ...answer, complaints }));
    } catch (fault) {
      await page.screenshot({ path: path.join(request.out, 'failure.png') });
      throw new Error(`${fault.message}\ncomplaints: ${complaints.join('\n')}`);
    }
  } finally {
    await browser.close();
  }
}

function listen(page) {
  const complaints = [];
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(`console: ${message.text()}`);
  });
  page.on('pageerror', (error) => complaints.push(`page: ${error.message}`));
  page.on('response', (response) => {
    if (response.status() >= 400) complaints.push(`${response.status()}: ${response.url()}`);
  });
  return complaints;
}

// The picture of `clip`, once it does not change any more; written to `file` in `out`.
async function settled(page, clip, out, file) {
  let before = Buffer.alloc(0);
  for (let attempt = 0; attempt < 40; attempt += 1) {
    const now = await page.screenshot({ clip, path: path.join(out, file) });
    if (now.equals(before)) return file;
    before = now;
    await page.waitForTimeout(350);
  }
  throw new Error(`${file} never settled`);
}

module.exports = { scenario, settled };
