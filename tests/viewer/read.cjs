// A physician opens the study and looks: the scan, each segment alone, all of them, the picture.
'use strict';

const { scenario, settled } = require('./browser.cjs');
const ohif = require('./ohif.cjs');

// One picture of a frame for each segment shown alone, one without, one with all of them.
async function lookAtFrame(page, request, labels, number) {
  const take = async (name) =>
    settled(page, await ohif.canvasBox(page), request.out, `frame-${number}-${name}.png`);
  if (request.frames > 1) await ohif.showFrame(page, number, request.frames);
  const all = await take('all');
  await ohif.toggleAllSegments(page);
  const none = await take('none');
  const alone = [];
  for (let index = 0; index < labels.length; index += 1) {
    await ohif.toggleSegment(page, index);
    alone.push(await take(`segment-${index + 1}`));
    await ohif.toggleSegment(page, index);
  }
  await ohif.toggleAllSegments(page);
  return { number, all, none, alone };
}

scenario(async (page, request) => {
  await ohif.openStudy(page, request.url);
  const series = await ohif.listSeries(page, request.series);
  const labels = await ohif.openSegmentation(page);
  const frames = [];
  for (let number = 1; number <= request.frames; number += 1) {
    frames.push(await lookAtFrame(page, request, labels, number));
  }
  await page.screenshot({ path: `${request.out}/page.png` });
  if (!request.capture) return { series, labels, frames };
  await ohif.openSeries(page, request.capture);
  await page.waitForTimeout(1500);
  const capture = await settled(page, await ohif.canvasBox(page), request.out, 'capture.png');
  await page.screenshot({ path: `${request.out}/capture-page.png` });
  return { series, labels, frames, capture };
});
