// Headless Chromium that talks to nobody but the page under test.
import { chromium } from 'playwright-core';

export async function open(options = {}) {
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: [
      '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
      '--disable-background-networking', '--disable-component-update', '--disable-sync',
    ],
  });
  const context = await browser.newContext({ ignoreHTTPSErrors: true, ...options });
  const page = await context.newPage();
  const problems = [];
  page.on('console', (message) => {
    if (message.type() === 'error') problems.push(`console: ${message.text()} (${message.location().url})`);
  });
  page.on('pageerror', (error) => problems.push(`page: ${error.message}`));
  page.on('requestfailed', (request) => {
    // A request that the page itself gives up is not a fault.
    if (request.failure()?.errorText !== 'net::ERR_ABORTED') {
      problems.push(`request: ${request.url()} ${request.failure()?.errorText}`);
    }
  });
  return { browser, context, page, problems };
}

// Runs a story; whatever it throws is the failure's text.
export async function story(run) {
  try {
    await run(...process.argv.slice(2));
  } catch (error) {
    console.log(error.stack ?? String(error));
    process.exitCode = 1;
  }
}

export function expect(condition, text) {
  if (!condition) throw new Error(text);
}
