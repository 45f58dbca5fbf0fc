/**
 * Tools whose client id is built in, by that id: they are in no directory, hold no secret and have no rights of their own
 * (Microsoft, "Verify first-party Microsoft applications in sign-in reports").
 */
const tools: Readonly<Record<string, string>> = {
  '04b07795-8ddb-461a-bbee-02f9e1bf7b46': 'Microsoft Azure CLI',
  '1950a258-227b-4e31-a9cf-717495945fc2': 'Microsoft Azure PowerShell',
  'aebc6443-996d-45c2-90f0-388ff96faa56': 'Visual Studio Code',
  '14d82eec-204b-4c2f-b7e8-296a70dab67e': 'Microsoft Graph Command Line Tools',
};

/** The name of an official tool, or null where the client id is none's. */
export function officialTool(clientId: string): string | null {
  return Object.hasOwn(tools, clientId) ? tools[clientId]! : null;
}
