import type { Queryable, Transaction } from './database.ts';

export interface DeviceRow {
  readonly deviceId: string;
  readonly displayName: string | null;
  /** Milliseconds since 1970. */
  readonly lastSeenAt: number | null;
  readonly lastSeenIp: string | null;
}

interface Row {
  device_id: string;
  display_name: string | null;
  last_seen_at: number | null;
  last_seen_ip: string | null;
}

function toDevice(row: Row): DeviceRow {
  return {
    deviceId: row.device_id,
    displayName: row.display_name,
    lastSeenAt: row.last_seen_at,
    lastSeenIp: row.last_seen_ip,
  };
}

const COLUMNS = 'device_id, display_name, last_seen_at, last_seen_ip';

export async function listDevices(db: Queryable, userId: string): Promise<DeviceRow[]> {
  const rows = await db.query<Row>(`SELECT ${COLUMNS} FROM devices WHERE user_id = $1 ORDER BY created_at, device_id`, [
    userId,
  ]);
  return rows.map(toDevice);
}

export async function findDevice(db: Queryable, userId: string, deviceId: string): Promise<DeviceRow | undefined> {
  const [row] = await db.query<Row>(`SELECT ${COLUMNS} FROM devices WHERE user_id = $1 AND device_id = $2`, [
    userId,
    deviceId,
  ]);
  return row && toDevice(row);
}

/**
 * Makes a device, which is seen by that for the first time: there are clients that expect of each device when and where it was.
 *
 * @returns false when the user has one of this id, which then keeps its display name
 */
export async function insertDevice(
  tx: Transaction,
  device: { userId: string; deviceId: string; displayName: string | null; createdAt: number; createdFrom: string },
): Promise<boolean> {
  const rows = await tx.query(
    `INSERT INTO devices (user_id, device_id, display_name, created_at, last_seen_at, last_seen_ip) VALUES ($1, $2, $3, $4, $4, $5)
     ON CONFLICT DO NOTHING RETURNING device_id`,
    [device.userId, device.deviceId, device.displayName, device.createdAt, device.createdFrom],
  );
  return rows.length > 0;
}

interface DeletedRow {
  device_id: string;
}

/** Deletes those that were seen least lately, with their tokens, beyond the number that a user may have. @returns their ids */
export async function deleteSurplusDevices(tx: Transaction, userId: string, most: number): Promise<string[]> {
  const rows = await tx.query<DeletedRow>(
    `DELETE FROM devices WHERE user_id = $1 AND device_id IN (SELECT device_id FROM devices WHERE user_id = $1
       ORDER BY coalesce(last_seen_at, created_at) DESC, device_id OFFSET $2) RETURNING device_id`,
    [userId, most],
  );
  return rows.map((row) => row.device_id);
}

/** False when there is no such device. */
export async function renameDevice(
  tx: Transaction,
  userId: string,
  deviceId: string,
  displayName: string,
): Promise<boolean> {
  const rows = await tx.query(
    'UPDATE devices SET display_name = $3 WHERE user_id = $1 AND device_id = $2 RETURNING device_id',
    [userId, deviceId, displayName],
  );
  return rows.length > 0;
}

/** Deletes devices with their tokens. @returns the ids of those that there were */
export async function deleteDevices(tx: Transaction, userId: string, deviceIds: readonly string[]): Promise<string[]> {
  const rows = await tx.query<DeletedRow>(
    'DELETE FROM devices WHERE user_id = $1 AND device_id = ANY ($2::text[]) RETURNING device_id',
    [userId, deviceIds],
  );
  return rows.map((row) => row.device_id);
}

/** Deletes all devices of a user but one, or all of them. @returns their ids */
export async function deleteOtherDevices(
  tx: Transaction,
  userId: string,
  keptDeviceId: string | null,
): Promise<string[]> {
  const rows = await tx.query<DeletedRow>(
    'DELETE FROM devices WHERE user_id = $1 AND device_id IS DISTINCT FROM $2 RETURNING device_id',
    [userId, keptDeviceId],
  );
  return rows.map((row) => row.device_id);
}

export interface DeviceSighting {
  readonly userId: string;
  readonly deviceId: string;
  readonly at: number;
  readonly ip: string;
}

/** Notes when devices were last seen. Devices that are gone stay gone. */
export async function recordSightings(db: Queryable, sightings: readonly DeviceSighting[]): Promise<void> {
  await db.query(
    `UPDATE devices SET last_seen_at = seen.at, last_seen_ip = seen.ip
     FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[]) AS seen (user_id, device_id, at, ip)
     WHERE devices.user_id = seen.user_id AND devices.device_id = seen.device_id`,
    [
      sightings.map((seen) => seen.userId),
      sightings.map((seen) => seen.deviceId),
      sightings.map((seen) => seen.at),
      sightings.map((seen) => seen.ip),
    ],
  );
}
