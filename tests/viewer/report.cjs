// A physician opens the study in OHIF's basic viewer, and the report in it.
'use strict';

const { scenario } = require('./browser.cjs');
const ohif = require('./ohif.cjs');

scenario(async (page, request) => {
  // The tour lies over everything, sooner or later than the notice.
  await page.addLocatorHandler(page.getByText('Skip all'), (button) => button.click());
  await ohif.openStudy(page, request.url);
  await ohif.listSeries(page, request.series);
  const title = page.getByText(request.title);
  await ohif.openSeries(page, request.report);
  const opened = title.waitFor({ timeout: 15000 }).then(() => true, () => false);
  if (!(await opened)) await ohif.openSeries(page, request.report); // the tour came in between
  await title.waitFor();
  await page.screenshot({ path: `${request.out}/report-page.png` });
  const report = title.locator('xpath=../..');
  return { text: await report.innerText() };
});
