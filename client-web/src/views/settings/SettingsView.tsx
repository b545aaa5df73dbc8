export function SettingsView() {
  return <main />;
}
