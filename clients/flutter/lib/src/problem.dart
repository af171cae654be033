import 'dart:convert';

/// The service refused, or failed (RFC 9457 problem details).
class SayItProblem implements Exception {
  const SayItProblem({required this.status, required this.code, required this.message});

  /// The error in an answer; one without a problem, such as a proxy's, gets the code HTTP_<status>.
  factory SayItProblem.of(int status, String body) {
    try {
      final Object? value = jsonDecode(body);
      if (value is Map<String, dynamic> && value['code'] is String) {
        return SayItProblem(
          status: status,
          code: value['code'] as String,
          message: value['detail'] as String? ?? '',
        );
      }
    } on FormatException {
      // Not JSON: a proxy before the service answered.
    }
    return SayItProblem(status: status, code: 'HTTP_$status', message: 'The server answered $status.');
  }

  final int status;

  /// Stable: what to branch on.
  final String code;

  /// A sentence for people, in the client's language.
  final String message;

  /// Whether the same request may succeed later.
  bool get retryable => const <int>{408, 429, 502, 503, 504}.contains(status);

  @override
  String toString() => '$code: $message';
}
