<?php
// The function that the documentation's examples call, and then the examples themselves, which stand in the file
// that is named first: `php send_request.php examples.php form|json`. Each answer is printed on a line.

$form = $argv[2] === 'form';

function sendRequest($url, $type = 'get', $params = [])
{
    global $form;
    $curl = curl_init($url);
    curl_setopt($curl, CURLOPT_RETURNTRANSFER, true);
    if ($type === 'post') {
        $body = $form ? http_build_query($params) : json_encode($params);
        curl_setopt($curl, CURLOPT_POST, true);
        curl_setopt($curl, CURLOPT_POSTFIELDS, $body);
        if (!$form) {
            curl_setopt($curl, CURLOPT_HTTPHEADER, ['Content-Type: application/json']);
        }
    }
    $answer = curl_exec($curl);
    echo $answer === false ? curl_error($curl) : $answer, "\n";
    return $answer;
}

require $argv[1];
