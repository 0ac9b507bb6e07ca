// TensorBoard behind the front door.
import { open, story } from './chromium.mjs';

await story(async (link) => {
  const { browser, page } = await open();
  try {
    await page.goto(link);
    await page.locator('tb-webapp').waitFor({ timeout: 60_000, state: 'attached' });
    await page.getByText('No dashboards are active for the current data set.').waitFor({ timeout: 60_000 });
  } finally {
    await browser.close();
  }
});
