import { notFound } from '../protocol/errors.ts';
import type { UserId } from '../protocol/event.ts';
import type { Database } from '../storage/database.ts';
import { recordDeviceChanges } from '../storage/device-lists.ts';
import { type DeviceRow, deleteDevices, findDevice, listDevices, renameDevice } from '../storage/devices.ts';

/** A device as the spec shows it to its owner. */
export interface Device {
  readonly device_id: string;
  readonly display_name?: string;
  readonly last_seen_ip?: string;
  readonly last_seen_ts?: number;
}

function toDevice(row: DeviceRow): Device {
  return {
    device_id: row.deviceId,
    ...(row.displayName === null ? {} : { display_name: row.displayName }),
    ...(row.lastSeenIp === null ? {} : { last_seen_ip: row.lastSeenIp }),
    ...(row.lastSeenAt === null ? {} : { last_seen_ts: row.lastSeenAt }),
  };
}

export async function devicesOf(db: Database, userId: UserId): Promise<Device[]> {
  return (await listDevices(db, userId)).map(toDevice);
}

/** Throws 404 where the user has no such device. */
export async function deviceOf(db: Database, userId: UserId, deviceId: string): Promise<Device> {
  const row = await findDevice(db, userId, deviceId);
  if (row === undefined) throw notFound('There is no such device.');
  return toDevice(row);
}

/** Throws 404 where the user has no such device. */
export async function renameDeviceOf(db: Database, userId: UserId, deviceId: string, name: string): Promise<void> {
  await db.transaction(async (tx) => {
    if (!(await renameDevice(tx, userId, deviceId, name))) throw notFound('There is no such device.');
    await recordDeviceChanges(tx, userId, [deviceId]);
  });
}

/** Deletes devices with their tokens. Those that the user does not have are left out. */
export async function deleteDevicesOf(db: Database, userId: UserId, deviceIds: readonly string[]): Promise<void> {
  await db.transaction(async (tx) => {
    await recordDeviceChanges(tx, userId, await deleteDevices(tx, userId, deviceIds));
  });
}
