{{/* Labels that select a part's pods: (dict "root" . "part" "gateway"). */}}
{{- define "sayit.selector" -}}
app.kubernetes.io/name: sayit
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .part }}
{{- end }}

{{/* The same in one line. */}}
{{- define "sayit.match" -}}
{{ include "sayit.selector" . | fromYaml | toJson }}
{{- end }}

{{- define "sayit.labels" -}}
{{ include "sayit.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
helm.sh/chart: {{ .root.Chart.Name }}-{{ .root.Chart.Version }}
{{- end }}

{{- define "sayit.name" -}}
{{ .root.Release.Name }}-{{ .part | replace "." "-" }}
{{- end }}

{{/* A part's pod, but for its container. */}}
{{- define "sayit.pod" -}}
automountServiceAccountToken: false
enableServiceLinks: false
terminationGracePeriodSeconds: 40
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  seccompProfile: {type: RuntimeDefault}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector: {matchLabels: {{ include "sayit.match" . }}}
{{- end }}

{{/* Image and confinement of a container: (dict "root" . "image" "gateway"). */}}
{{- define "sayit.container" -}}
image: {{ .root.Values.image.registry }}/sayit-{{ .image }}:{{ .root.Values.image.tag | default .root.Chart.AppVersion }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
{{- end }}

{{/* Variables: (dict "root" . "env" .Values.gateway.env). */}}
{{- define "sayit.env" -}}
- {name: SAYIT_METRICS_LISTEN, value: "0.0.0.0:9100"}
{{- range $name, $value := merge (deepCopy (.env | default dict)) (.root.Values.env | default dict) }}
- {name: {{ $name }}, value: {{ $value | quote }}}
{{- end }}
{{- end }}

{{/* How the kubelet asks a gRPC part: the program of the image, which speaks TLS where the part does. */}}
{{- define "sayit.probes" -}}
startupProbe:
  exec: {command: [python, -m, sayit.chassis.probe, {{ .address | quote }}]}
  periodSeconds: 5
  timeoutSeconds: 5
  failureThreshold: 60
readinessProbe:
  exec: {command: [python, -m, sayit.chassis.probe, {{ .address | quote }}]}
  periodSeconds: 10
  timeoutSeconds: 5
{{- if .restart }}
livenessProbe:
  exec: {command: [python, -m, sayit.chassis.probe, {{ .address | quote }}]}
  periodSeconds: 20
  timeoutSeconds: 5
  failureThreshold: 3
{{- end }}
{{- end }}
