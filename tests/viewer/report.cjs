// A physician opens the study in OHIF's basic viewer, and the report in it.
'use strict';

const { scenario } = require('./browser.cjs');
const ohif = require('./ohif.cjs');

scenario(async (page, request) => {
  await ohif.openStudy(page, request.url);
  await ohif.listSeries(page, request.series);
  await page.getByText('Skip all').click();
  await page.locator('.shepherd-modal-is-visible').waitFor({ state: 'detached' });
  await ohif.openSeries(page, request.report);
  const title = page.getByText(request.title);
  await title.waitFor();
  await page.screenshot({ path: `${request.out}/report-page.png` });
  const report = title.locator('xpath=../..');
  return { text: await report.innerText() };
});
