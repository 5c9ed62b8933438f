// OHIF as a person uses it: open a study, open a series of it, show one segment or another.
'use strict';

const cy = (name) => `[data-cy="${name}"]`;
const ROW = cy('data-row');
const ALL_SEGMENTS = cy('all-segments-visibility-toggle-Labelmap');
const SERIES = '[data-cy^="study-browser-thumbnail"]';

async function openStudy(page, url) {
  await page.goto(url);
  await page.getByText('Confirm and hide').click();
  await page.locator(SERIES).first().waitFor();
}

// [[modality, description, ...]] as the list of series shows them.
async function listSeries(page, count) {
  await page.locator(SERIES).nth(count - 1).waitFor();
  const texts = await page.locator(SERIES).allInnerTexts();
  return texts.map((text) => text.split('\n').map((line) => line.trim()).filter(Boolean));
}

async function openSeries(page, modality) {
  const label = page.getByText(modality, { exact: true });
  await page.locator(SERIES).filter({ has: label }).first().dblclick();
}

// Open the segmentation over its scan; its labels.
async function openSegmentation(page) {
  await openSeries(page, 'SEG');
  await page.getByText('Yes', { exact: true }).click();
  await page.locator(ROW).first().waitFor();
  await page.getByText('Yes', { exact: true }).waitFor({ state: 'detached' });
  return page.locator(cy('data-row-title')).allInnerTexts();
}

// Where the scan is drawn on the page, in pixels. OHIF replaces the canvas when it shows something
// else: between the two there is none, or one that is not laid out yet.
async function canvasBox(page) {
  const canvas = page.locator('.cornerstone-canvas').first();
  for (let tries = 0; tries < 100; tries += 1) {
    await canvas.waitFor();
    const box = await canvas.boundingBox();
    if (box !== null) return box;
    await page.waitForTimeout(100);
  }
  throw new Error('no canvas is shown');
}

async function toggleAllSegments(page) {
  await page.locator(ALL_SEGMENTS).click();
  await page.mouse.move(5, 5);
}

async function toggleSegment(page, index) {
  const row = page.locator(ROW).nth(index);
  await row.hover();
  await row.locator(cy('data-row-visibility-toggle')).click();
  await page.mouse.move(5, 5);
}

// Show frame `number` (from 1) of `frames`: the arrow keys walk through the stack.
async function showFrame(page, number, frames) {
  const box = await canvasBox(page);
  await page.mouse.click(box.x + box.width / 2, box.y + 12);
  for (let step = 1; step < frames; step += 1) await page.keyboard.press('ArrowUp');
  for (let step = 1; step < number; step += 1) await page.keyboard.press('ArrowDown');
  await page.getByText(`(${number}/${frames})`).waitFor();
  await page.mouse.move(5, 5);
}

// Paint with the first segment along `points`, given in pixels of an image that fills the canvas.
async function paint(page, points, shape) {
  await page.locator(cy('Brush-btn')).click();
  const box = await canvasBox(page);
  const scale = Math.min(box.width / shape.columns, box.height / shape.rows);
  const [first, ...others] = points.map(([column, row]) => [
    box.x + box.width / 2 + (column - shape.columns / 2) * scale,
    box.y + box.height / 2 + (row - shape.rows / 2) * scale,
  ]);
  await page.mouse.move(...first);
  await page.mouse.down();
  for (const point of others) await page.mouse.move(...point, { steps: 5 });
  await page.mouse.up();
}

// Store the segmentation that is shown as DICOM SEG; the status with which the archive answered.
async function save(page) {
  const button = await openSaveDialog(page);
  const [stored] = await Promise.all([
    page.waitForResponse((response) => response.request().method() === 'POST'),
    button.click(),
  ]);
  return stored.status();
}

// On a busy machine a click on the item of a menu that is still being drawn is lost now and then, or
// the menu closes under the pointer: no dialog opens, and a person clicks again. The dialog's button.
async function openSaveDialog(page) {
  const button = page.getByRole('button', { name: 'Save' });
  for (let tries = 0; tries < 3; tries += 1) {
    await page.locator(cy('segmentation-collapsed-more-btn-Labelmap')).click();
    try {
      await page.getByText('Export').hover({ timeout: 10000 });
      await page.getByRole('menuitem', { name: 'DICOM SEG' }).click({ timeout: 10000 });
      await button.waitFor({ timeout: 10000 });
      return button;
    } catch {
      await page.keyboard.press('Escape');
    }
  }
  throw new Error('no dialog to save the segmentation opens');
}

module.exports = {
  canvasBox,
  listSeries,
  openSegmentation,
  openSeries,
  openStudy,
  paint,
  save,
  showFrame,
  toggleAllSegments,
  toggleSegment,
};
