import { beforeAll, describe, expect, test } from 'vitest';
import { CHROMIUM } from '../harness/chromium.ts';
import { startHomeserver } from '../harness/homeserver.ts';
import { createRoom, openRoom, registerUser, type SignedInPage, type TestUser, useBrowser } from './browser-session.ts';

const HOSTILE: readonly [string, string][] = [
  ['scripts', '<script>window.broken = 1</script><b>kept</b>'],
  ['event handlers', '<img src="x" onerror="window.broken = 1"><p onclick="window.broken = 1">kept</p>'],
  [
    'script addresses',
    '<a href="javascript:window.broken = 1">kept</a><a href=" java&#10;script:window.broken=1">x</a>',
  ],
  ['data addresses', '<a href="data:text/html,<script>window.broken = 1</script>">kept</a>'],
  ['relative addresses', '<a href="/logout">kept</a><a href="//evil.example">x</a>'],
  ['pictures from elsewhere', '<img src="https://evil.example/pixel.png" alt="kept">'],
  ['styles', '<style>body { display: none }</style><p style="position:fixed;inset:0" class="x" id="app">kept</p>'],
  ['frames and forms', '<iframe src="https://evil.example"></iframe><form action="/x"><input name="a"></form>kept'],
  [
    'other namespaces',
    '<svg><a xlink:href="javascript:window.broken=1"><text>x</text></a></svg><math><mi>x</mi></math>kept',
  ],
  ['mutated markup', '<noscript><p title="</noscript><img src=x onerror=window.broken=1>">kept</noscript>kept'],
  [
    'names that shadow the document',
    '<img name="cookie"><form id="getElementById"></form><p id="querySelector">kept</p>',
  ],
  ['quoted replies of old clients', '<mx-reply><blockquote>secret of another room</blockquote></mx-reply>kept'],
  ['colours that are more than that', '<span data-mx-color="red;background:url(https://evil.example)">kept</span>'],
];

/** What each element may carry, all of it set by our own components. */
const PERMITTED: Readonly<Record<string, readonly string[]>> = {
  a: ['href', 'target', 'rel', 'class'],
  img: ['src', 'alt', 'title', 'style'],
  ol: ['start'],
  span: ['style', 'class'],
  div: ['class', 'dir'],
  code: ['class'],
};

describe.skipIf(CHROMIUM === undefined)('markup of other people', async () => {
  const server = await startHomeserver();
  const browser = useBrowser();
  let ana: TestUser;
  let opened: SignedInPage;
  let roomId: string;
  const requests: string[] = [];

  const show = async (html: string, body = 'plain') => {
    const eventId = await ana.send(roomId, {
      msgtype: 'm.text',
      body,
      format: 'org.matrix.custom.html',
      formatted_body: html,
    });
    const row = opened.page.locator(`article:has([data-message="${eventId}"])`);
    await row.waitFor();
    return row.locator('[data-body]');
  };

  beforeAll(async () => {
    ana = await registerUser(server, 'Ana');
    roomId = await createRoom([ana]);
    opened = await openRoom(browser.current, server, ana, roomId);
    opened.page.on('request', (request) => requests.push(request.url()));
  });

  test.each(HOSTILE)('brings no %s into the page', async (_name, html) => {
    const body = await show(html);
    const found = await body.evaluate((root) =>
      [...root.querySelectorAll('*')].map((element) => ({
        tag: element.localName,
        attributes: [...element.attributes].map(({ name, value }) => [name, value] as const),
      })),
    );
    for (const { tag, attributes } of found) {
      expect(tag).toMatch(/^(?:a|b|p|span|div|img|code|br)$/);
      for (const [name, value] of attributes) {
        expect(PERMITTED[tag] ?? [], `${tag} ${name}`).toContain(name);
        expect(value).not.toMatch(/evil|javascript|broken/);
      }
    }
    expect(await body.textContent()).toContain('kept');
    expect(await body.textContent()).not.toContain('secret');
    expect(await opened.page.evaluate('window.broken')).toBeUndefined();
    // The policy also reports what the purifier's inert parser reads; nothing of it may go further than that.
    expect(opened.complaints.filter((complaint) => !complaint.includes('inline'))).toEqual([]);
    expect(requests.filter((url) => !url.startsWith(server.baseUrl) && !url.startsWith('blob:'))).toEqual([]);
  });

  test('is shown as it is meant: lists, tables, code, spoilers, links', async () => {
    const body = await show(
      '<ol start="7"><li>seven</li></ol><table><tr><td>cell</td></tr></table><pre><code class="language-js">let a;</code></pre>' +
        '<span data-mx-spoiler="ending">Rosebud</span> <a href="https://example.org/a">link</a>' +
        '<font color="#ff0000">red</font>',
    );
    expect(await body.locator('ol').getAttribute('start')).toBe('7');
    expect(await body.locator('td').textContent()).toBe('cell');
    expect(await body.locator('pre').textContent()).toBe('let a;');
    expect(await body.textContent()).not.toContain('Rosebud');
    await body.getByRole('button', { name: 'Hidden: ending' }).click();
    expect(await body.textContent()).toContain('Rosebud');
    const link = body.getByRole('link', { name: 'link' });
    expect(await link.getAttribute('rel')).toContain('noopener');
    expect(await body.getByText('red', { exact: true }).getAttribute('style')).toBe('color: rgb(255, 0, 0);');
  });

  test('a mention shows the name that is known here, not the one in the message', async () => {
    const body = await show(`<a href="https://matrix.to/#/${encodeURIComponent(ana.userId)}">Somebody Else</a>`);
    expect(await body.textContent()).toBe('@Ana');
  });

  test('too much of it is shown as plain text', async () => {
    const body = await show('<b></b>'.repeat(9000), 'the plain text');
    expect(await body.textContent()).toBe('the plain text');
  });

  test('nested too deep, its text is still there', async () => {
    const body = await show(`${'<blockquote>'.repeat(300)}deep${'</blockquote>'.repeat(300)}`);
    expect(await body.textContent()).toContain('deep');
  });
});
