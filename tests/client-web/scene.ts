import type { TestHomeserver } from '../harness/homeserver.ts';
import { createRoom, registerUser, type TestUser } from './browser-session.ts';
import { picture } from './picture.ts';

/** A small team in the middle of its work, seen by Ana. */
export interface Scene {
  readonly serverName: string;
  readonly ana: TestUser;
  /** The root of a thread in `design`. */
  readonly thread: string;
  /** Ids of rooms. */
  readonly design: string;
  readonly invitation: string;
  readonly announcements: string;
  readonly direct: string;
}

/** Makes accounts, channels and messages of every kind through the client-server API. */
export async function prepareScene(server: TestHomeserver): Promise<Scene> {
  const ana = await registerUser(server, 'Ana Ruiz');
  const ben = await registerUser(server, 'Ben Okafor');
  const zoe = await registerUser(server, 'Zoë van der Meer');
  const team = [ana, ben, zoe];

  const design = await createRoom(team, {
    name: 'design',
    topic: 'What we build next, and how it looks. Reviews on Thursday.',
    room_alias_name: 'design',
    visibility: 'public',
  });
  const thread = await talk(server, design, team);
  const announcements = await createRoom([ben, ana], {
    name: 'announcements',
    power_level_content_override: { events_default: 50 },
  });
  const long = 'a-channel-with-a-name-so-long-that-no-list-is-wide-enough-for-all-of-it';
  await createRoom([ana], { name: long, preset: 'private_chat' });
  const random = await createRoom(team, { name: 'random' });
  await ben.send(random, text('Has anybody seen my umbrella?'));
  await ben.send(random, { ...text('@ana was it you?'), 'm.mentions': { user_ids: [ana.userId] } });

  const direct = await createRoom([ben], { preset: 'trusted_private_chat', name: undefined, is_direct: true });
  await ben.call('POST', `/rooms/${encodeURIComponent(direct)}/invite`, { user_id: ana.userId });
  await ana.call('POST', `/join/${encodeURIComponent(direct)}`, {});
  await ana.call('PUT', `/user/${encodeURIComponent(ana.userId)}/account_data/m.direct`, { [ben.userId]: [direct] });
  await ben.send(direct, text('Lunch at one?'));

  const invitation = await createRoom([zoe], {
    name: 'marketing',
    topic: 'Campaigns and the web site',
    preset: 'private_chat',
    invite: [ana.userId],
  });
  return { serverName: server.serverName, ana, thread, design, invitation, announcements, direct };
}

const text = (body: string) => ({ msgtype: 'm.text', body });

/** A conversation with everything that messages can have. Answers the root of its thread. */
async function talk(server: TestHomeserver, roomId: string, team: readonly TestUser[]): Promise<string> {
  const [ana, ben, zoe] = team as [TestUser, TestUser, TestUser];
  const html = (body: string, formatted_body: string) => ({
    ...text(body),
    format: 'org.matrix.custom.html',
    formatted_body,
  });
  const relate = (eventId: string, rel_type: string, more: object = {}) => ({
    'm.relates_to': { rel_type, event_id: eventId, ...more },
  });

  const question = await ben.send(roomId, text('Shall we ship the new empty states this week?'));
  await ana.send(roomId, {
    ...text('Yes. Two things are open, see below'),
    'm.relates_to': { 'm.in_reply_to': { event_id: question } },
  });
  await ana.send(
    roomId,
    html(
      '1. contrast of the hints\n2. wording',
      '<ol><li>contrast of the <em>hints</em></li><li>wording, <strong>shorter</strong> and in the user’s terms</li></ol>',
    ),
  );
  for (const [user, key] of [
    [ana, '👍️'],
    [zoe, '👍️'],
    [zoe, '🎉'],
  ] as const)
    await user.send(roomId, relate(question, 'm.annotation', { key }), 'm.reaction');
  await zoe.send(
    roomId,
    html(
      'const hint = (count) => count + " left";',
      '<p>This is the function:</p><pre><code class="language-js">const hint = (count) =&gt; count + " left";\n// one line that is so long that it has to scroll inside of its own box instead of making the page any wider\n</code></pre>',
    ),
  );
  const draft = await zoe.send(roomId, text('I will fix it tomorow'));
  const fixed = text('I will fix it tomorrow');
  await zoe.send(roomId, {
    ...text('* I will fix it tomorrow'),
    'm.new_content': fixed,
    ...relate(draft, 'm.replace'),
  });
  const slip = await ben.send(roomId, text('wrong channel'));
  await ben.call('PUT', `/rooms/${encodeURIComponent(roomId)}/redact/${encodeURIComponent(slip)}/gone`, {});
  await ben.send(roomId, html('as they said', '<blockquote>Good design is as little design as possible.</blockquote>'));
  const thread = await ana.send(roomId, text('Who looks at the phone layout?'));
  await zoe.send(roomId, { ...text('I do, this afternoon'), ...relate(thread, 'm.thread') });
  await ben.send(
    roomId,
    text('https://example.org/a/very/long/path/that/does/not/break/anywhere/at/all/because/it/is/one/single/word'),
  );
  await ana.send(roomId, text('شكرا، هذا واضح الآن'));
  await zoe.send(roomId, text('🎉'));
  await sendPicture(server, ana, roomId);
  await ben.send(roomId, {
    msgtype: 'm.file',
    body: 'minutes of the meeting.pdf',
    url: 'mxc://example.org/none',
    info: { size: 48_213, mimetype: 'application/pdf' },
  });
  return thread;
}

async function sendPicture(server: TestHomeserver, user: TestUser, roomId: string): Promise<void> {
  const { name, mimeType, buffer } = await picture('coast.png', 1200, 800);
  const response = await fetch(`${server.baseUrl}/_matrix/media/v3/upload?filename=${name}`, {
    method: 'POST',
    headers: { 'Content-Type': mimeType, Authorization: `Bearer ${user.accessToken}` },
    body: new Uint8Array(buffer),
  });
  const { content_uri: url } = (await response.json()) as { content_uri: string };
  const info = { w: 1200, h: 800, mimetype: mimeType, size: buffer.byteLength };
  await user.send(roomId, { msgtype: 'm.image', body: name, url, info });
}
