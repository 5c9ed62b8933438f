// A physician corrects the first segment with the brush and saves.
'use strict';

const { scenario, settled } = require('./browser.cjs');
const ohif = require('./ohif.cjs');

scenario(async (page, request) => {
  await ohif.openStudy(page, request.url);
  const labels = await ohif.openSegmentation(page);
  await ohif.paint(page, request.stroke, request.shape);
  await settled(page, await ohif.canvasBox(page), request.out, 'painted.png');
  await page.screenshot({ path: `${request.out}/page.png` });
  const status = await ohif.save(page);
  return { labels, status };
});
