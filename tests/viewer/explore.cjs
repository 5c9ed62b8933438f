// An administrator opens a page of Orthanc Explorer, perhaps presses "Analyze", and watches.
'use strict';

const path = require('node:path');
const { scenario } = require('./browser.cjs');

scenario(async (page, request) => {
  await page.goto(request.url);
  const list = page.locator(`#adjuvant-${request.page}`);
  const texts = async () => (await list.locator('h3').allInnerTexts()).map((text) => text.trim());
  await list.locator('h3').first().waitFor();
  const before = await texts();
  if (request.press) await list.locator('.adjuvant-analyze').click();
  const states = [];
  for (const state of request.states) {
    // A busy machine takes its time to load TensorFlow.
    await list.locator(`li[data-adjuvant-state=${state}]`).waitFor({ timeout: 150000 });
    states.push(...(await texts()));
    await page.screenshot({ path: path.join(request.out, `${state}.png`) });
  }
  const details = (await list.locator('p').allInnerTexts()).map((text) => text.trim());
  const links = await list.locator('a[href^="#instance"]').allInnerTexts();
  return { before, states, details, links };
});
