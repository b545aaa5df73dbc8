export function ComposerView(props: { roomId: string; threadId?: string | undefined }) {
  return <div>{props.threadId}</div>;
}
