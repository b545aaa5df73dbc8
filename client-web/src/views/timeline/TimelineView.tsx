export function TimelineView(props: { roomId: string; eventId?: string | undefined; threadId?: string | undefined }) {
  return <div style={{ flex: 1, minHeight: 0 }}>{props.roomId}</div>;
}
